"""Where the embedded server keeps its data if nobody says so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mivaa_schema.server import EmbeddedServer, host

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's server is another user")


@pytest.fixture
def shared(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of /var/lib/mivaa-schema."""
    monkeypatch.setattr(host, "SHARED", place / "shared")
    return place / "shared"


@pytest.mark.parametrize("mark", [".mivaa", ".git", "alembic.ini", "pyproject.toml"])
def test_subfolder_finds_the_folder_of_the_project(place, monkeypatch, mark):
    (place / mark).mkdir()
    deep = place / "docs" / "pictures"
    deep.mkdir(parents=True)
    for folder in (place, deep.parent, deep):
        monkeypatch.chdir(folder)
        assert EmbeddedServer().home == place / ".mivaa"


def test_without_a_project_it_is_the_current_folder(place, monkeypatch):
    (place / "alone").mkdir()
    monkeypatch.chdir(place / "alone")
    assert EmbeddedServer().home == place / "alone" / ".mivaa"


@as_root
def test_what_a_stranger_has_put_above_decides_nothing(place, monkeypatch):
    (place / ".mivaa").mkdir()
    os.chown(place / ".mivaa", 65534, 65534)
    (place / "mine").mkdir()
    monkeypatch.chdir(place / "mine")
    assert EmbeddedServer().home == place / "mine" / ".mivaa"
    os.chown(place / "mine", 65534, 65534)
    assert EmbeddedServer().home == place / ".mivaa"


@as_root
def test_closed_project_of_root_has_a_folder_elsewhere_and_finds_it_again(
    closed, shared, embedded, monkeypatch
):
    (closed / "pyproject.toml").touch()
    (closed / "deep").mkdir()
    monkeypatch.chdir(closed)
    server = embedded(None)
    server.start()
    assert server.home.parent == shared
    assert server.home.name.startswith("closed-")
    assert server.status().running
    monkeypatch.chdir(closed / "deep")
    assert EmbeddedServer().status() == server.status()
    assert not (closed / ".mivaa").exists()


@as_root
def test_two_closed_projects_of_one_name_have_two_folders(closed, shared, monkeypatch):
    homes = set()
    for name in ("a", "b"):
        (closed / name / "project").mkdir(parents=True)
        monkeypatch.chdir(closed / name / "project")
        homes.add(EmbeddedServer().home)
    assert {home.parent for home in homes} == {shared}
    assert len(homes) == 2


def test_deleted_current_folder_is_one_message(place, monkeypatch):
    gone = place / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(host.FolderNotWritable, match="No such file or directory"):
        EmbeddedServer()
    monkeypatch.chdir(place)
