"""The data dictionary is fresh, complete, and says so when it is not."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fixtures.pages import ROOT
from mivaa_schema.models import Base

GENERATE = ROOT / "docs" / "generate.py"


def generate(script: Path, *options: str) -> Result:
    spec = importlib.util.spec_from_file_location("generate", script)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return CliRunner().invoke(module.main, options)


def test_the_dictionary_is_up_to_date() -> None:
    done = generate(GENERATE, "--check")
    assert done.exit_code == 0, done.stderr


def test_a_stale_dictionary_is_named_and_ends_with_1(tmp_path: Path) -> None:
    script = tmp_path / "docs" / "generate.py"
    script.parent.mkdir()
    script.write_bytes(GENERATE.read_bytes())
    assert generate(script).exit_code == 0
    assert generate(script, "--check").exit_code == 0
    page = script.with_name("schema.md")
    page.write_text(page.read_text(encoding="utf-8").replace("uuid", "text", 1), encoding="utf-8")
    done = generate(script, "--check")
    assert done.exit_code == 1
    assert done.stderr == "docs/schema.md is stale: run python docs/generate.py\n"


@pytest.mark.parametrize("table", sorted(Base.metadata.tables))
def test_every_column_is_explained(table: str) -> None:
    text = (ROOT / "docs" / "schema.md").read_text(encoding="utf-8")
    name = table if "." in table else f"public.{table}"
    section = text.partition(f"### {name}\n")[2].partition("\n### ")[0]
    for column in Base.metadata.tables[table].columns:
        (line,) = [x for x in section.splitlines() if x.startswith(f"| `{column.name}` |")]
        assert not line.endswith("|  |"), f"{table}.{column.name} is not explained"


def test_every_function_is_explained() -> None:
    text = (ROOT / "docs" / "schema.md").read_text(encoding="utf-8")
    files = (ROOT / "mivaa_schema" / "sql" / "functions").glob("*.sql")
    for name in (file.stem for file in files):
        section = text.partition(f"#### {name}\n")[2].partition("\n#### ")[0]
        explanation = section.rpartition("```\n")[2].strip()
        assert re.match(r"\w.*\. (Stable|Volatile|Immutable), with the rights of", explanation), (
            name
        )


def test_a_function_without_a_comment_is_named(tmp_path: Path) -> None:
    script = tmp_path / "docs" / "generate.py"
    script.parent.mkdir()
    text = GENERATE.read_text(encoding="utf-8")
    without = text.replace('comments_of("function").items()', '{"mivaa.f()": ""}.items()')
    assert without != text
    script.write_text(without, encoding="utf-8")
    done = generate(script)
    assert done.exit_code == 1
    assert "has no comment: say in comments.sql what it does" in done.stderr
