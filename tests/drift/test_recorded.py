"""The recorded catalogs are what the revisions arrive at, on every kind of platform."""

from __future__ import annotations

from pathlib import Path

import pytest
from history.test_round_trips import REVISIONS

from fixtures.clusters import both_majors
from fixtures.databases import LEGACY_GRANTS, Database
from fixtures.drift import catalog_of, differences
from fixtures.existing_platform import run
from mivaa_schema import catalog, history
from mivaa_schema.catalog import CatalogObject, recorded

NO_GRANTS = LEGACY_GRANTS.replace("grant all", "revoke all").replace(" to anon", " from anon")


@both_majors
@pytest.mark.parametrize("grants", ["legacy", "none"])
@pytest.mark.parametrize("vector_schema", ["extensions", "public"])
def test_each_revision_arrives_at_its_recorded_catalog(
    platform_database: Database, vector_schema: str, grants: str
) -> None:
    run(platform_database, f"alter extension vector set schema {vector_schema}", superuser=True)
    run(platform_database, LEGACY_GRANTS if grants == "legacy" else NO_GRANTS)
    for revision in REVISIONS:
        platform_database.upgrade(revision)
        found = differences(recorded(revision), catalog_of(platform_database))
        assert not found, f"recorded (first) and {revision}: run `mivaa-schema freeze`:\n" + (
            "\n".join(found)
        )


def test_each_revision_records_its_catalog() -> None:
    assert [n for n, f in history.folders().items() if not (f / catalog.RECORDED).exists()] == []


def test_a_snapshot_reads_the_same_under_any_search_path(head_database: Database) -> None:
    snapshots = []
    for path in ("public, extensions", "pg_catalog", "mivaa, public, extensions, auth"):
        with head_database.owner() as connection:
            connection.exec_driver_sql(f"set local search_path = {path}")
            snapshots.append(catalog.snapshot(connection))
            assert connection.exec_driver_sql("show search_path").scalar_one() == path
    assert snapshots[0] == snapshots[1] == snapshots[2]


def test_what_a_revision_removes_and_changes_is_folded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = CatalogObject("index", "public.kept", "public.documents")
    gone = CatalogObject("policy", "gone", "public.documents")
    states = [
        {},
        {kept: {"definition": "one"}, gone: {"definition": "x\ny 'ä'"}},
        {kept: {"definition": "two"}},
    ]
    for number in (1, 2):
        (tmp_path / f"000{number}_step.py").touch()
        folder = tmp_path / f"000{number}_step"
        folder.mkdir()
        assert catalog.write_changes(folder, states[number - 1], states[number])
        assert not catalog.write_changes(folder, states[number - 1], states[number])
    monkeypatch.setattr(history, "versions_folder", lambda: tmp_path)
    assert [recorded("0001"), recorded("0002")] == states[1:]


def test_what_belongs_to_an_extension_is_not_looked_at(platform_database: Database) -> None:
    run(platform_database, "drop extension vector", superuser=True)
    before = catalog_of(platform_database)
    run(platform_database, "create extension vector with schema public", superuser=True)
    assert catalog_of(platform_database) == before
