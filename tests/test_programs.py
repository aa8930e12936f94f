"""psql, pg_dump and pg_restore in the version of the server, on the database of the command."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from fixtures.databases import SUPERUSER, Database
from mivaa_schema import database, programs
from mivaa_schema.programs import ProgramMissing


def run(target: Database, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mivaa_schema", *words],
        env={**os.environ, "DATABASE_URL": target.url(SUPERUSER), **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def revision(url: str) -> list[str]:
    with database.create_engine(url).connect() as connection:
        return list(connection.scalars(sa.text("select version_num from mivaa.alembic_version")))


def test_psql_has_the_version_of_the_server_and_its_exit_code(world_database: Database) -> None:
    done = run(world_database, "psql", "-qAtc", "select current_database()")
    assert done.stdout == f"{world_database.name}\n"
    assert run(world_database, "psql", "-qc", "select 1/0").returncode == 1
    version = run(world_database, "psql", "--version").stdout
    assert f" {world_database.major}." in version


def test_dump_is_restored_into_a_new_database(world_database: Database, tmp_path: Path) -> None:
    file, copy = tmp_path / "world.dump", f"{world_database.name} 100% copy"
    done = run(world_database, "dump", str(file), "--compress=0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"written: {file}, from ")
    assert [path.name for path in tmp_path.iterdir()] == ["world.dump"]
    done = run(world_database, "restore", "--into", copy, str(file))
    try:
        assert done.returncode == 0, done.stderr
        assert f"database {copy} on " in done.stderr
        assert revision(done.stdout.partition("its address: ")[2].strip()) == ["0012"]
        again = run(world_database, "restore", str(file), "--into", copy, "--no-owner")
        assert again.returncode == 1
        assert f"Database `{copy}` exists already" in again.stderr
    finally:
        programs.drop_database(database.create_engine(world_database.url(SUPERUSER)), copy)


def test_failed_dump_leaves_the_former_one(world_database: Database, tmp_path: Path) -> None:
    file = tmp_path / "world.dump"
    file.write_text("the former one")
    done = run(world_database, "dump", str(file), "--table=nothing_of_that_name")
    assert done.returncode == 1
    assert "pg_dump failed" in done.stderr
    assert "Traceback" not in done.stderr
    assert file.read_text() == "the former one"
    assert len(list(tmp_path.iterdir())) == 1


def test_dump_into_what_is_no_folder_is_one_message(
    world_database: Database, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = run(world_database, "dump", str(tmp_path / "file" / "world.dump"))
    assert done.returncode == 1
    assert "pg_dump failed" in done.stderr
    assert "Traceback" not in done.stderr


def test_failed_restore_leaves_no_database(world_database: Database, tmp_path: Path) -> None:
    file = tmp_path / "bad.dump"
    file.write_text("no dump")
    done = run(world_database, "restore", "--into", "never_restored", str(file))
    assert done.returncode == 1
    assert "database never_restored was dropped again" in done.stderr
    with world_database.superuser() as connection:
        exists = "select count(*) from pg_database where datname = 'never_restored'"
        assert connection.scalar(sa.text(exists)) == 0


def test_password_is_in_the_environment_and_in_no_argument() -> None:
    engine = database.create_engine("postgresql://me:secret@somewhere/db?sslmode=require")
    assert programs.address(engine) == "postgresql://me@somewhere/db?sslmode=require"
    assert programs.address(engine, "other") == "postgresql://me@somewhere/other?sslmode=require"
    assert programs.environment(engine)["PGPASSWORD"] == "secret"


def test_program_that_is_too_old_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "pg_dump"
    script.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 15.8 (Debian 15.8-1)'\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert programs.program("pg_dump", 17).parent.parent.name == "pginstall18"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert programs.program("pg_dump", 15) == script
    with pytest.raises(ProgramMissing, match=r"No pg_dump of version 18 or later"):
        programs.program("pg_dump", 18)
    with pytest.raises(ProgramMissing, match=r"No psql of version 15"):
        programs.program("psql", 15)


def test_dump_goes_through_a_link_and_into_no_device(
    world_database: Database, tmp_path: Path
) -> None:
    real, link, pipe = tmp_path / "real.dump", tmp_path / "link.dump", tmp_path / "pipe"
    real.write_text("old")
    link.symlink_to(real)
    os.mkfifo(pipe)
    assert run(world_database, "dump", str(link)).returncode == 0
    assert link.is_symlink()
    assert real.read_bytes().startswith(b"PGDMP")
    done = run(world_database, "dump", str(pipe))
    assert (done.returncode, pipe.is_fifo()) == (2, True)
    assert "is no ordinary file" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("dump", "--schema-onyl"),
        ("dump", "-t", "documents", "x.dump"),
        ("dump", "x.dump", "-f", "other"),
        ("dump", "x.dump", "--file=other"),
        ("restore", "--into", "never", "{file}", "-l"),
    ],
)
def test_option_that_would_change_what_the_command_does_is_refused(
    world_database: Database, tmp_path: Path, words: tuple[str, ...]
) -> None:
    file = tmp_path / "there.dump"
    file.touch()
    done = run(world_database, *(word.format(file=file) for word in words))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [file]
