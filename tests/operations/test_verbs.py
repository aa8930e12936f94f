"""Operations take objects of every kind that they name, and refuse others by name."""

from __future__ import annotations

import pytest

from mivaa_schema import history
from mivaa_schema.operations import (
    FrozenSQL,
    create,
    drop,
    index,
    option,
    release,
    replace,
    restore,
    storage,
)

REVISIONS = {path.name.partition("_")[0]: path for path in history.files()}
FUNCTION = FrozenSQL(str(REVISIONS["0003"])).function("mivaa.user_id")
POLICY = FrozenSQL(str(REVISIONS["0006"])).policy("documents.select")
TRIGGER = FrozenSQL(str(REVISIONS["0004"])).trigger("documents.updated_at")
INDEX = index("an_index", "public.documents", ["title"])


def test_what_is_dropped_is_restored_by_the_same_statements() -> None:
    for one in (FUNCTION, POLICY, TRIGGER):
        assert restore(one).statements == create(one).statements
        assert restore(one).creates == drop(one).drops


def test_release_and_drop_begin_with_the_last() -> None:
    other = option("fillfactor", "public.documents", "90")
    assert [o["kind"] for o in release(INDEX, other).drops] == ["option", "index"]
    assert [o["kind"] for o in drop(FUNCTION, POLICY).drops] == ["policy", "function"]


def test_kinds_that_an_operation_does_not_take_are_named() -> None:
    with pytest.raises(TypeError, match="no policy"):
        replace(POLICY)
    with pytest.raises(
        LookupError, match=r"0007_embedding_columns creates no index public\.nothing"
    ):
        FrozenSQL(str(REVISIONS["0007"])).object("index", "public.nothing", "public.documents")
    with pytest.raises(ValueError, match="expected storage plain, external"):
        storage("content", "public.documents", "plan")
    with pytest.raises(ValueError, match=r"with its schema, such as public\.documents"):
        index("an_index", "documents", ["title"])
    with pytest.raises(ValueError, match=r"with its schema, such as public\.documents"):
        release(option("fillfactor", "documents", "90"))
    with pytest.raises(TypeError, match=r"it takes .*, and no index"):
        drop(INDEX)
