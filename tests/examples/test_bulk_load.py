"""examples/bulk_load.py as a program: what it refuses, and that nothing half-done is found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from fixtures.databases import Database
from fixtures.people import World

ROOT = Path(__file__).parents[2]
W = World()
GOOD = {"content": "Bees", "embedding": [1.0] + [0.0] * 767, "page_number": 3}

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def load(world_database: Database, tmp_path: Path) -> Run:
    """Run the program on a file of lines."""

    def run(
        *lines: Any, options: tuple[str, ...] = (), workspace: object = W.a
    ) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "chunks.jsonl"
        text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        file.write_text(text, encoding="utf-8")
        url = sa.make_url(world_database.url()).render_as_string(hide_password=False)
        return subprocess.run(
            [
                sys.executable, "-m", "examples.bulk_load", "--workspace", str(workspace),
                "--title", "Loaded", "--model", "m1", *options, str(file),
            ],
            cwd=ROOT, env={**os.environ, "DATABASE_URL": url},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


def loaded(made: Database) -> list[tuple[Any, ...]]:
    found = sa.text(
        "select d.status, d.embedding_model, d.embedding_v2 is not null, count(c.id),"
        " min(c.page_number), min(c.embedding_model) from public.documents d"
        " left join public.document_chunks c on c.document_id = d.id where d.title = 'Loaded'"
        " group by d.id"
    )
    with made.owner() as connection:
        return [tuple(row) for row in connection.execute(found)]


@pytest.mark.parametrize("options", [(), ("--copy",)], ids=["batches", "copy"])
def test_chunks_are_loaded_with_their_model(
    load: Run, world_database: Database, options: tuple[str, ...]
) -> None:
    done = load(GOOD, "", {**GOOD, "content": "Wasps"}, options=options)
    assert done.returncode == 0, done.stderr
    assert "Bees" in done.stdout
    assert loaded(world_database) == [("active", "m1", True, 2, 3, "m1")]


BAD = {
    "no JSON": "{",
    "a list": "[]",
    "no content": {"embedding": GOOD["embedding"]},
    "dimensions": {**GOOD, "embedding": [1, 2]},
    "zeros": {**GOOD, "embedding": [0] * 768},
    "not finite": {**GOOD, "embedding": [1e300] * 768},
    "character 0": {**GOOD, "content": "a\0b"},
    "a large page": {**GOOD, "page_number": 2**40},
    "a part of a page": {**GOOD, "page_number": 3.5},
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("line", BAD.values(), ids=BAD)
def test_a_line_that_is_no_passage_is_named_before_anything_is_written(
    load: Run, world_database: Database, line: Any
) -> None:
    done = load(GOOD, line, options=("--copy",))
    assert done.returncode == 2
    assert "line 2" in done.stderr
    assert "Traceback" not in done.stderr
    assert loaded(world_database) == []


def test_an_unknown_workspace_is_named(load: Run, world_database: Database) -> None:
    done = load(GOOD, workspace="00000000-0000-4000-8000-0000000000ff")
    assert (done.returncode, loaded(world_database)) == (2, [])
    assert "there is no workspace 00000000-0000-4000-8000-0000000000ff" in done.stderr
