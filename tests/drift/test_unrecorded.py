"""What a drafted revision names is left alone until its catalog is recorded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fixtures.databases import Database
from fixtures.drift import found
from fixtures.existing_platform import run
from mivaa_schema import catalog, history

MISSING = "policy documents_select on public.documents: missing"
OFF = "table public.pdf_documents: row-level security is off, expected on"


@pytest.fixture
def drafted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a revision that drops a policy, and that has no recorded catalog yet."""
    versions = shutil.copytree(history.versions_folder(), tmp_path / "versions")
    (versions / "9999_drafted.py").touch()
    folder = versions / "9999_drafted"
    folder.mkdir()
    policy = {"kind": "policy", "table": "public.documents", "name": "documents_select"}
    manifest = json.dumps({"creates": [], "drops": [policy]})
    (folder / "manifest.json").write_text(manifest)
    monkeypatch.setattr(history, "versions_folder", lambda: versions)
    return folder


def test_only_what_a_drafted_revision_names_is_left_alone(
    head_database: Database, drafted: Path
) -> None:
    run(
        head_database,
        "drop policy documents_select on public.documents;"
        "alter table public.pdf_documents disable row level security",
    )
    # Before it is applied, what it will drop is still looked at.
    assert found(head_database) == [OFF, MISSING]
    run(head_database, "update mivaa.alembic_version set version_num = '9999'")
    assert found(head_database) == [OFF]
    # Its catalog says what it drops, so from then on nothing is left alone.
    catalog.write_changes(drafted, {}, {})
    assert found(head_database) == [OFF, MISSING]
