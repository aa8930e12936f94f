"""`mivaa-schema freeze` records the catalogs in a database that is gone afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fixtures.clusters import SUPERUSER, Servers, both_majors
from fixtures.databases import Database
from mivaa_schema import catalog, history
from mivaa_schema.drift.record import record


def databases(servers: Servers, major: int) -> set[str]:
    with Database(servers, major, "postgres").engine(SUPERUSER).connect() as connection:
        return set(connection.exec_driver_sql("select datname from pg_database").scalars())


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A copy of the recorded catalogs, by revision."""
    copies = {}
    for number, folder in history.folders().items():
        copies[number] = tmp_path / folder.name
        copies[number].mkdir()
        shutil.copy(folder / catalog.RECORDED, copies[number])
    monkeypatch.setattr(history, "folders", lambda versions=None: copies)
    return copies


@both_majors
def test_what_is_missing_or_stale_is_written_and_nothing_is_left(
    servers: Servers, major: int, folders: dict[str, Path]
) -> None:
    before = databases(servers, major)
    stale, missing = (folders[number] / catalog.RECORDED for number in ("0005", "0009"))
    expected = stale.read_text(), missing.read_text()
    stale.write_text("{}")
    missing.unlink()
    assert record(servers(major)) == [stale, missing]
    assert (stale.read_text(), missing.read_text()) == expected
    assert databases(servers, major) == before
