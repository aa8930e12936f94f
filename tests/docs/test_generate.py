"""The data dictionary is fresh, complete, and says so when it is not."""

from __future__ import annotations

import importlib.util
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
    if Base.metadata.tables[table].info.get("owner") == "platform":
        return
    text = (ROOT / "docs" / "schema.md").read_text(encoding="utf-8")
    name = table if "." in table else f"public.{table}"
    section = text.partition(f"### {name}\n")[2].partition("\n### ")[0]
    for column in Base.metadata.tables[table].columns:
        (line,) = [x for x in section.splitlines() if x.startswith(f"| `{column.name}` |")]
        assert not line.endswith("|  |"), f"{table}.{column.name} is not explained"
