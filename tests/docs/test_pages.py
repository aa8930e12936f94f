"""Everything that the pages show is run, in order, as a reader would run it."""

from __future__ import annotations

import json
import re

import pytest

from fixtures.pages import ROOT, RUNNABLE, blocks_of, outcome, reader
from mivaa_schema import operations
from mivaa_schema.models import Base

PAGES = (
    "README.md",
    "docs/guide.md",
    "docs/bulk-loading.md",
    "docs/fastapi.md",
    pytest.param("docs/changing-the-schema.md", marks=pytest.mark.slow),
)


@pytest.mark.parametrize("page", PAGES)
def test_every_block_runs_and_prints_what_the_page_says(page: str) -> None:
    with reader() as someone:
        for block in blocks_of(ROOT / page):
            if not block.runs:
                continue
            printed = someone.run(block)
            if block.output is not None:
                assert outcome(printed) == outcome(block.output), f"{block} prints otherwise"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_in_a_block_that_is_run(page: str) -> None:
    languages = {block.language for block in blocks_of(ROOT / page)}
    assert languages <= {*RUNNABLE, "text", "json", "mermaid"}, (
        "a block without a language is not run"
    )


def test_readme_begins_with_the_two_commands() -> None:
    first = blocks_of(ROOT / "README.md")[0]
    install = "python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt -e"
    assert first.text.splitlines() == [
        f"{install} '.[migrate,embedded]' && .venv/bin/alembic upgrade head",
        f"{install} '.[dev]' && .venv/bin/pytest -n 2",
    ]


def test_links_between_pages_lead_somewhere() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_page_on_revisions_names_every_operation() -> None:
    page = (ROOT / "docs/changing-the-schema.md").read_text(encoding="utf-8")
    table = page.partition("## A revision by hand")[2].partition("\n## ")[0]
    named = {
        name
        for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    assert named == set(operations.__all__)


def test_a_call_by_name_uses_the_names_of_the_arguments() -> None:
    (call,) = [
        json.loads(block.text)
        for block in blocks_of(ROOT / "docs/guide.md")
        if block.language == "json" and "query_embedding" in block.text
    ]
    function = ROOT / "mivaa_schema/sql/functions/public.search_documents_hybrid.sql"
    signature = function.read_text(encoding="utf-8").partition("returns table")[0]
    for name in call:
        assert re.search(rf"\b{name} ", signature), f"search_documents_hybrid has no {name}"


def test_the_picture_of_the_tables_shows_every_table_and_key() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    picture = readme.partition("erDiagram")[2].partition("```")[0].replace('"', "")
    drawn = {(left, right) for left, right in re.findall(r"(\S+) [|o]{2}--o{ (\S+) :", picture)}
    keys = {
        (key.referred_table.fullname, table.name)
        for table in Base.metadata.tables.values()
        for key in table.foreign_key_constraints
        # Who made a row is not drawn.
        if key.referred_table.name != "users" or table.name == "workspace_members"
    }
    assert drawn == keys
