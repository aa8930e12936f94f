"""The offline script does what the online run does."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.util import CommandError
from history.test_round_trips import REVISIONS, assert_same

from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.dump import program
from fixtures.people import World
from mivaa_schema.migrations import recorded_revisions


def script(database: Database, direction: Callable[..., None], revision: str) -> str:
    config = database.config()
    config.output_buffer = io.StringIO()
    direction(config, revision, sql=True)
    return config.output_buffer.getvalue()


def psql(database: Database, text: str) -> None:
    done = subprocess.run(
        [program(database.major, "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", database.url()],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr


@both_majors
def test_the_offline_script_leaves_the_same_schema_as_the_online_run(
    platform_database: Database,
    clone: Callable[[int, str], Database],
    major: int,
    platform_template: Callable[[int], str],
) -> None:
    online = clone(major, platform_template(major))
    online.upgrade()
    psql(platform_database, script(platform_database, command.upgrade, "head"))
    assert_same(online.dump(), platform_database.dump(), "the offline script")


@both_majors
def test_the_offline_downgrade_ends_at_the_dump_before_the_upgrade(
    platform_database: Database,
) -> None:
    before = platform_database.dump()
    platform_database.upgrade()
    psql(platform_database, script(platform_database, command.downgrade, "head:base"))
    assert_same(before, platform_database.dump(), "the offline downgrade")


def test_each_revision_can_be_rendered_and_applied_alone(platform_database: Database) -> None:
    previous = "base"
    for revision in REVISIONS:
        psql(
            platform_database, script(platform_database, command.upgrade, f"{previous}:{revision}")
        )
        previous = revision
    at_head = platform_database.dump()
    for revision, below in zip(
        reversed(REVISIONS), [*reversed(REVISIONS[:-1]), "base"], strict=True
    ):
        psql(platform_database, script(platform_database, command.downgrade, f"{revision}:{below}"))
    platform_database.upgrade()
    assert_same(platform_database.dump(), at_head, "one script a revision")


def test_the_offline_script_works_on_a_full_database(head_database: Database, world: World) -> None:
    world.create(head_database)
    at_head = head_database.dump()
    psql(head_database, script(head_database, command.downgrade, "head:0004"))
    psql(head_database, script(head_database, command.upgrade, "0004:head"))
    assert_same(at_head, head_database.dump(), "an offline round trip")


def test_an_invalid_index_stops_the_offline_script(platform_database: Database) -> None:
    platform_database.upgrade("0004")
    with platform_database.owner() as connection:
        connection.exec_driver_sql(
            "create index idx_pdf_documents_user_id on public.pdf_documents (user_id)"
        )
    with platform_database.superuser() as connection:
        connection.exec_driver_sql(
            "update pg_index set indisvalid = false"
            " where indexrelid = 'public.idx_pdf_documents_user_id'::regclass"
        )
    with pytest.raises(AssertionError, match="is INVALID"):
        psql(platform_database, script(platform_database, command.upgrade, "0004:0005"))


def test_an_invalid_index_is_rebuilt_online(platform_database: Database) -> None:
    platform_database.upgrade("0005")
    healthy = platform_database.dump()
    with platform_database.superuser() as connection:
        connection.exec_driver_sql("update mivaa.alembic_version set version_num = '0004'")
        connection.exec_driver_sql(
            "update pg_index set indisvalid = false"
            " where indexrelid = 'public.idx_pdf_documents_user_id'::regclass"
        )
    assert platform_database.dump() != healthy
    platform_database.upgrade("0005")
    assert_same(healthy, platform_database.dump(), "healing")


def test_an_index_of_the_name_with_another_definition_stops_the_upgrade(
    platform_database: Database,
) -> None:
    platform_database.upgrade("0004")
    with platform_database.owner() as connection:
        connection.exec_driver_sql(
            "create index idx_pdf_documents_user_id on public.pdf_documents (user_id desc)"
        )
    before = platform_database.dump()
    with pytest.raises(CommandError, match="idx_pdf_documents_user_id"):
        platform_database.upgrade("0005")
    assert platform_database.dump() == before


def test_the_script_names_no_path_of_this_machine(platform_database: Database) -> None:
    text = script(platform_database, command.upgrade, "head")
    assert str(Path(__file__).parents[2]) not in text


def tolerant_psql(database: Database, text: str) -> subprocess.CompletedProcess[str]:
    """Run a script by a program that is not told what to do after an error."""
    return subprocess.run(
        [program(database.major, "psql"), "-X", "-q", database.url()],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_script_stops_at_its_first_error_and_has_changed_nothing(
    platform_database: Database,
) -> None:
    platform_database.upgrade("0002")
    before = platform_database.dump()
    done = tolerant_psql(platform_database, script(platform_database, command.upgrade, "0003:0006"))
    assert done.returncode == 3
    assert "the database is at revision 0002, expected was 0003" in done.stderr
    assert platform_database.dump() == before


def test_a_program_that_continues_after_an_error_records_no_revision_out_of_order(
    platform_database: Database,
) -> None:
    platform_database.upgrade("0002")
    text = script(platform_database, command.upgrade, "0003:0006")
    done = tolerant_psql(platform_database, text.replace("\\set ON_ERROR_STOP on", ""))
    for expected in ("0003", "0004", "0005"):
        assert f"the database is at revision 0002, expected was {expected}" in done.stderr
    with platform_database.owner() as connection:
        assert recorded_revisions(connection) == ["0002"]


def refused(database: Database, text: str) -> str:
    """What psql says of a script that ends before it has changed anything."""
    before = database.dump()
    done = tolerant_psql(database, text)
    assert done.returncode == 3, done.stdout + done.stderr
    assert database.dump() == before
    return done.stderr


def test_the_script_begins_with_what_it_is_and_how_it_is_run(platform_database: Database) -> None:
    header = script(platform_database, command.upgrade, "0003:0005").partition("\\set")[0]
    assert all(line.startswith("--") for line in header.strip().splitlines())
    for words in (
        "from revision 0003 to 0005",
        "psql -X -v ON_ERROR_STOP=1 -f FILE",
        "as the role that owns the tables",
        "lock_timeout 0.1 s",
        "lock_members no",
    ):
        assert words in header
    header = script(platform_database, command.downgrade, "head:base").partition("\\set")[0]
    assert "from revision 0012 to base" in header


def test_a_second_run_of_the_script_reports_that_nothing_is_left(
    platform_database: Database,
) -> None:
    text = script(platform_database, command.upgrade, "head")
    psql(platform_database, text)
    said = refused(platform_database, text)
    assert "the database is at revision 0012, expected was none" in said
    assert "there is nothing to do" in said
    down = script(platform_database, command.downgrade, "head:base")
    psql(platform_database, down)
    said = refused(platform_database, down)
    assert "the database is at revision none, expected was 0012" in said
    assert "there is nothing to do" in said


def test_a_script_of_a_later_part_names_where_the_database_is(platform_database: Database) -> None:
    text = script(platform_database, command.upgrade, "0003:0005")
    assert "is at revision none, expected was 0003" in refused(platform_database, text)
    platform_database.upgrade("0002")
    said = refused(platform_database, script(platform_database, command.upgrade, "head"))
    assert "is at revision 0002, expected was none" in said
    assert "Run a script that begins there" in said


@pytest.mark.parametrize("target", ["0001:-1", "0001:base"])
def test_the_script_that_ends_at_base_leaves_nothing(
    platform_database: Database, target: str
) -> None:
    before = platform_database.dump()
    platform_database.upgrade("0001")
    psql(platform_database, script(platform_database, command.downgrade, target))
    assert_same(before, platform_database.dump(), target)


def test_the_script_checks_the_platform_before_it_changes_anything(
    platform_database: Database,
) -> None:
    text = script(platform_database, command.upgrade, "head")
    with platform_database.superuser() as connection:
        connection.exec_driver_sql("alter schema auth rename to elsewhere")
    said = refused(platform_database, text)
    with pytest.raises(CommandError) as caught:
        platform_database.upgrade()
    # Line by line, since psql writes the name of the program before the first one.
    for line in str(caught.value).splitlines():
        assert line in said
    assert "schema auth, auth.users, auth.uid()" in said
