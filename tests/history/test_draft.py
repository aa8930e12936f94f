"""What a draft writes means what was there."""

from __future__ import annotations

import ast

import pytest
import sqlalchemy as sa
from pgvector.sqlalchemy import VECTOR
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from fixtures.databases import Database
from mivaa_schema import draft
from mivaa_schema.catalog import CatalogObject, snapshot
from mivaa_schema.errors import NotDescribed, NotDrafted
from mivaa_schema.models import Base
from mivaa_schema.operations import IndexDefinition


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short",
        'it\'s "quoted", 100 % and a:colon, \\ and {braces}',
        "a long one " * 30,
        "  with   spaces,\n  lines\n\n\tand tabs " * 9,
        "without_any_space" * 20,
    ],
)
def test_a_long_text_is_cut_in_pieces_and_stays_itself(text: str) -> None:
    written = draft.text_literal(text)
    assert ast.literal_eval(written) == text
    assert max(map(len, written.splitlines())) <= 100


def test_each_index_is_built_again_from_its_draft(head_database: Database) -> None:
    with head_database.owner() as connection:
        before = snapshot(connection)
        indexes = {item: facts for item, facts in before.items() if item.kind == "index"}
        for item, facts in indexes.items():
            written = draft.index_definition(item, str(facts["definition"]))
            index = eval(written, {"IndexDefinition": IndexDefinition})  # noqa: S307 - our own
            assert index.object_name == item.name
            # A foreign key may need it: so beside it, under another name.
            connection.exec_driver_sql(
                f"create {index.kind} again {index.definition(index.table)}",
                execution_options={"no_parameters": True},
            )
            again = snapshot(connection)[CatalogObject("index", "public.again", item.table)]
            definition = str(again["definition"]).replace("INDEX again", f"INDEX {index.name}")
            assert definition == facts["definition"]
            connection.exec_driver_sql("drop index public.again")
    assert len(indexes) > 15


def test_an_index_that_the_operation_cannot_build_is_left_to_the_developer() -> None:
    item = CatalogObject("index", "public.i", "public.t")
    written = draft.index_definition(item, "CREATE INDEX i ON public.t USING btree (a) INCLUDE (b)")
    assert written.startswith("None  # By hand: CREATE INDEX i")


def test_commas_inside_of_parentheses_are_no_separators() -> None:
    assert draft.names("a, lower(coalesce(b, 'c')) DESC, d") == str(
        ("a", "lower(coalesce(b, 'c')) DESC", "d")
    )


@pytest.mark.parametrize(
    "column", [c for t in Base.metadata.tables.values() for c in t.columns if c.comment], ids=str
)
def test_each_column_of_the_models_is_written_as_it_is(column: sa.Column[object]) -> None:
    names = {"sa": sa, "JSONB": JSONB, "ARRAY": ARRAY, "VECTOR": VECTOR}
    written = eval(draft.render_column(column), names)  # noqa: S307 - our own
    for name in ("name", "nullable", "primary_key", "comment"):
        assert getattr(written, name) == getattr(column, name)
    assert written.type.compile(draft.DIALECT) == column.type.compile(draft.DIALECT)
    assert (written.server_default is None) == (column.server_default is None)


def test_a_column_without_a_comment_is_refused() -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("silent", sa.Text()))
    with pytest.raises(NotDescribed, match=r"column public\.t\.silent has no comment"):
        draft.render_column(table.c.silent)


def test_a_column_of_an_unknown_type_is_refused() -> None:
    facts = {"type": "int4range", "nullable": "null", "default": None, "comment": "A range."}
    with pytest.raises(NotDrafted, match="has the type int4range"):
        draft.render_live_column(CatalogObject("column", "c", "public.t"), facts)


def test_privileges_of_others_than_the_api_roles_are_left_alone() -> None:
    acl = "analyst=SELECT, anon=SELECT*, owner=SELECT, public=EXECUTE"
    assert draft.api_privileges(acl) == {("anon", "SELECT"), ("public", "EXECUTE")}
