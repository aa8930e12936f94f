"""Alembic's commands, run by `mivaa-schema` from a checkout or a wheel."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from fixtures.databases import Database
from fixtures.projects import Project
from mivaa_schema.migrations import recorded_revisions
from mivaa_schema.migrations.losses import losses

ROOT = Path(__file__).parents[2]
Done = subprocess.CompletedProcess[str]


@pytest.fixture
def mivaa(tmp_path: Path) -> Callable[..., Done]:
    """Run the command in a folder that is no project."""

    def run(*words: str, answer: str = "", package: Path = ROOT, **environment: str) -> Done:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MIVAA_", "DATABASE_"))}
        return subprocess.run(
            [sys.executable, "-m", "mivaa_schema", *words],
            cwd=tmp_path, env=kept | {"PYTHONPATH": str(package)} | environment,
            input=answer, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


def revision_of(database: Database) -> list[str]:
    with database.owner() as connection:
        return recorded_revisions(connection)


def test_upgrade_current_history_check_and_stamp(
    platform_database: Database, mivaa: Callable[..., Done]
) -> None:
    url = platform_database.url()
    done = mivaa("upgrade", "--url", url)
    assert done.returncode == 0, done.stderr
    assert f"Database {platform_database.name} on " in done.stderr
    assert mivaa("current", DATABASE_URL=url).stdout.startswith("0012 (head)")
    assert mivaa("history").stdout.startswith("0011 -> 0012 (head)")
    assert mivaa("check", "-x", f"url={url}").returncode == 0
    assert mivaa("stamp", "head", "--url", url).returncode == 0
    refused = mivaa("stamp", "base", "--url", url)
    assert refused.returncode == 1
    assert refused.stderr.count("Nothing was changed.") == 1
    assert "Traceback" not in refused.stderr


def test_script_is_printed_and_nothing_is_changed(mivaa: Callable[..., Done]) -> None:
    done = mivaa("upgrade", "--sql")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("-- mivaa-schema")
    assert "create table" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("upgrade", "nonsense"), "Can't locate revision identified by 'nonsense'"),
        (("upgrade", "-x", "colour=red"), "There is no setting `colour`"),
        (("downgrade",), "Missing argument 'REVISION'"),
        (("upgrade", "--url", "postgresql://127.0.0.1:1/none"), "127.0.0.1"),
    ],
)
def test_bad_input_is_one_message(
    platform_database: Database, mivaa: Callable[..., Done], words: tuple[str, ...], says: str
) -> None:
    done = mivaa(*words, DATABASE_URL=platform_database.url())
    assert done.returncode in (1, 2)
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("Error: ") == 1


def test_downgrade_that_loses_rows_lists_them_and_asks(
    world_database: Database, mivaa: Callable[..., Done]
) -> None:
    url = world_database.url()
    with world_database.owner() as connection:
        documents = connection.scalar(sa.text("select count(*) from public.documents"))
        connection.exec_driver_sql("update public.documents set embedding_v2 = null")
        connection.exec_driver_sql(
            "update public.documents set embedding_v2 = array_fill(1, array[768])::vector"
            " where id = (select min(id::text)::uuid from public.documents)"
        )
    done = mivaa("downgrade", "0006", "--url", url, answer="n\n")
    assert done.returncode == 1
    assert "  1 value of public.documents.embedding_v2\n" in done.stderr
    assert "not confirmed. Nothing was changed." in done.stderr
    assert revision_of(world_database) == ["0012"]

    done = mivaa("downgrade", "0006", "--url", url, answer="y\n")
    assert done.returncode == 0, done.stderr
    assert revision_of(world_database) == ["0006"]

    done = mivaa("downgrade", "base", "--url", url)
    assert (done.returncode, revision_of(world_database)) == (1, ["0006"])
    assert f"  public.documents with {documents} rows\n" in done.stderr
    done = mivaa("downgrade", "base", "--yes", "--url", url)
    assert done.returncode == 0, done.stderr
    assert "drops public.workspaces with" in done.stderr
    assert revision_of(world_database) == []


def test_downgrade_that_loses_nothing_does_not_ask(
    head_database: Database, mivaa: Callable[..., Done]
) -> None:
    done = mivaa("downgrade", "base", "--url", head_database.url())
    assert done.returncode == 0, done.stderr
    assert revision_of(head_database) == []


def test_alembic_warns_and_goes_on(
    world_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    command.downgrade(world_database.config(), "base")
    (said,) = [r.getMessage() for r in caplog.records if "This downgrade drops" in r.getMessage()]
    assert "public.document_chunks with " in said
    assert revision_of(world_database) == []


def test_what_a_platform_brought_along_is_not_lost(existing_database: Database) -> None:
    existing_database.upgrade()
    with existing_database.owner() as connection:
        found = losses(connection, [f"{n:04d}" for n in range(1, 13)])
    assert not [loss for loss in found if loss.startswith("public.documents with")]


@pytest.mark.slow
def test_installed_wheel_runs_the_chain(
    platform_database: Database, mivaa: Callable[..., Done], tmp_path: Path
) -> None:
    built = tmp_path / "wheel"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "-w",
        str(built),
        str(ROOT),
    ]
    subprocess.run(pip, check=True)
    (wheel,) = built.glob("*.whl")
    package = tmp_path / "package"
    zipfile.ZipFile(wheel).extractall(package)
    url = platform_database.url()
    for words in (("upgrade",), ("check",), ("downgrade", "-1"), ("upgrade", "head", "--sql")):
        done = mivaa(*words, package=package, DATABASE_URL=url)
        assert done.returncode == 0, done.stderr
    found = subprocess.run(
        [sys.executable, "-c", "import mivaa_schema; print(mivaa_schema.__file__)"],
        env={**os.environ, "PYTHONPATH": str(package)},
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.startswith(str(package))
    assert revision_of(platform_database) == ["0011"]
    # What the guide gives to those who prefer `alembic`.
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = mivaa_schema:_alembic\n")
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        env={**os.environ, "PYTHONPATH": str(package), "DATABASE_URL": url},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert revision_of(platform_database) == ["0012"]


def test_ctrl_c_is_one_line_and_the_same_command_continues(
    platform_database: Database, mivaa: Callable[..., Done]
) -> None:
    url = platform_database.url()
    platform_database.upgrade("0003")
    # The revision waits for this lock, however late the signal comes.
    holder = platform_database.engine().connect()
    holder.exec_driver_sql("lock table public.documents in access share mode")
    started = subprocess.Popen(
        [sys.executable, "-m", "mivaa_schema", "upgrade", "--url", url],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    lines = []
    with started:
        for line in started.stderr or ():
            lines.append(line)
            if "0003 -> 0004" in line:
                started.send_signal(signal.SIGINT)
    holder.close()
    assert started.returncode == 130
    assert "Traceback" not in "".join(lines)
    assert lines[-1].startswith("Stopped. Revisions that were completed stay")
    assert revision_of(platform_database) == ["0003"]
    assert mivaa("upgrade", "--url", url).returncode == 0
    assert revision_of(platform_database) == ["0012"]


def test_folder_of_the_project_may_have_a_percent_sign(
    tmp_path: Path, head_database: Database
) -> None:
    folder = tmp_path / "100% b"
    folder.mkdir()
    project = Project(folder)
    assert "0012 (head)" in project.run("mivaa_schema", "current", database=head_database)
    project.run("mivaa_schema", "downgrade", "-1", database=head_database)
    project.run("mivaa_schema", "upgrade", database=head_database)
    project.run("mivaa_schema", "check", database=head_database)
