"""Names and values of a platform, and what other sessions send, forge nothing on a terminal.

Whatever is printed is quoted for the SQL or the shell that it stands in, its control characters are
escaped, and its length is bounded.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from repair.bad_rows import WITHOUT_RULES, A

from fixtures.clusters import both_majors
from fixtures.databases import OWNER, Database
from fixtures.drift import psql
from fixtures.dump import program
from fixtures.existing_platform import run
from fixtures.people import named
from mivaa_schema import preflight
from mivaa_schema.cli import main
from mivaa_schema.errors import MivaaError, printable_sql
from mivaa_schema.migrations import waits
from mivaa_schema.operations.sql import literal, quote

EVIL = "x'\n\x1b[2J\u202eerror    public.documents is forged\\"
"""What a name or a value may be: with quotes, a line that looks like ours, escape sequences."""

VALUES = ("x; touch /tmp/p #", "it's", "a=b", "in\u00a0re\\view", EVIL, "y" * 100_000)
"""What somebody has written into an adopted row."""


def call(database: Database, *arguments: str) -> str:
    done = CliRunner().invoke(main, [*arguments, "--url", database.url(OWNER)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.output


def lines_of(output: str) -> list[str]:
    """The lines of an output, all of them printable, and none without end."""
    lines = output.removesuffix("\n").split("\n")
    # A space that does not break is shown as it is.
    assert all(line.replace("\u00a0", " ").isprintable() for line in lines), lines
    assert max(map(len, lines)) < 4000
    return lines


@pytest.fixture
def evil_database(existing_database: Database) -> Iterator[Database]:
    """An adopted platform with evil roles, policies and values."""
    run(existing_database, WITHOUT_RULES)
    run(existing_database, "alter table public.workspace_members alter column role type text")
    insert = sa.text(
        "insert into public.workspace_members (workspace_id, user_id, role)"
        " values (:workspace, :user, :role)"
    )
    with existing_database.owner() as connection:
        for number, value in enumerate(VALUES):
            connection.execute(
                insert, {"workspace": A, "user": named(f"evil {number}"), "role": value}
            )
    with existing_database.superuser() as connection:
        there = sa.text("select exists (select from pg_roles where rolname = :name)")
        if not connection.execute(there, {"name": EVIL}).scalar_one():
            _run(connection, f"create role {quote(EVIL)}")
    with existing_database.owner() as connection:
        _run(connection, f"grant select on public.documents to {quote(EVIL)}")
        policy = f"create policy {quote(EVIL)} on public.documents"
        _run(connection, f"{policy} using (content <> {literal(EVIL)})")
    yield existing_database
    with existing_database.superuser() as connection:
        _run(connection, f"drop owned by {quote(EVIL)}")


def _run(connection: sa.Connection, sql: str) -> None:
    connection.exec_driver_sql(sql, execution_options={"no_parameters": True})


@both_majors
def test_what_preflight_prints_is_one_line_a_text_and_its_sql_runs(evil_database: Database) -> None:
    lines = lines_of(call(evil_database, "preflight"))
    assert all(line.startswith(("error  ", "warning", "       ")) for line in lines[:-1])
    assert not any(line.startswith("error") for line in lines)
    assert any("open to role U&" in line or "open to role " in line for line in lines)

    with evil_database.owner() as connection:
        found = [f for f in preflight.report(connection) if f.object.endswith("members.role")]
        assert len(found) == len(VALUES)
        mapped = 0
        for finding in found:
            command, _, update = finding.remedy.rpartition("update ")
            if command:
                words = shlex.split(command.partition("mivaa-schema ")[2].partition("; or")[0])
                assert words[:2] == ["repair", "unknown-roles"]
                value = words[words.index("--map") + 1].removesuffix("=...")
                assert value in VALUES
                mapped += 1
            # Each of them finds its own row.
            sql = "update " + update.replace("= ...", "= 'viewer'", 1)
            changed = connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
            assert changed.rowcount == 1, sql
        assert mapped == 4
        connection.rollback()


@both_majors
def test_a_remedy_about_a_role_or_a_policy_of_any_name_runs(evil_database: Database) -> None:
    run(
        evil_database,
        f"alter policy {quote(EVIL)} on public.documents rename to documents_select;",
    )
    with evil_database.superuser() as connection:
        _run(connection, f"grant create on schema public to {quote(EVIL)}")
    for check, statement in (("policy_name", "alter policy "), ("schema_creators", "revoke ")):
        with evil_database.owner() as connection:
            (finding,) = [f for f in preflight.report(connection) if f.check == check]
        sql = statement + finding.remedy.partition(statement)[2]
        assert sql.isprintable()
        with evil_database.superuser() as connection:
            _run(connection, sql)
        with evil_database.owner() as connection:
            assert [f for f in preflight.report(connection) if f.check == check] == []


def test_escapes_are_those_of_postgresql(shared_world: Database) -> None:
    name, value = 'a"b\n\\\x1b\U000e0001', "it's\n\\\x1b\U000e0001"
    sql = printable_sql(f"select {literal(value)} as {quote(name)}")
    assert sql.isprintable()
    with shared_world.owner() as connection:
        row = connection.exec_driver_sql(sql, execution_options={"no_parameters": True}).mappings()
        assert dict(row.one()) == {name: value}
    escaped = "select E'\\\\' as \"\u2028b\", '', E'it\\'s\n', 'a\u00a0b'"
    with shared_world.owner() as connection:
        rows = [
            dict(connection.exec_driver_sql(one, execution_options={"no_parameters": True})
                 .mappings().one())
            for one in (escaped, printable_sql(escaped))
        ]  # fmt: skip
        assert rows[0] == rows[1]
    plain = "select 'a\\b' as \"C\" -- Grüße"
    assert printable_sql(plain) == plain


@both_majors
def test_what_repair_prints_can_be_pasted_into_a_shell(evil_database: Database) -> None:
    evil_database.upgrade()
    lines = lines_of(call(evil_database, "repair", "unknown-roles"))
    pairs = [
        shlex.split(line.partition("--map ")[2].partition("=... ")[0])[0]
        for line in lines
        if "is unknown" in line and "--map" in line
    ]
    assert set(pairs) == set(VALUES[:4])
    options = [f"--map={value}=viewer" for value in pairs]
    done = call(evil_database, "repair", "unknown-roles", "--apply", *options)
    lines = lines_of(done)
    assert any(line.startswith("before: 4 to repair, 2 that wait") for line in lines)
    after = next(line for line in lines if line.startswith("after: "))
    assert "2 that wait for something else" in after
    # What cannot be written on a command line is named by its digest, in SQL that finds it.
    for line in lines[lines.index(after) + 1 :]:
        sql = "update " + line.partition("update ")[2].replace("= ...", "= 'viewer'", 1)
        run(evil_database, sql)
    assert "would repair 0" in lines_of(call(evil_database, "repair", "unknown-roles"))[-1]


def test_a_great_many_unknown_values_are_not_all_listed(existing_database: Database) -> None:
    run(existing_database, WITHOUT_RULES)
    run(
        existing_database,
        "insert into public.documents (workspace_id, status)"
        f" select '{A}', 'status ' || i from generate_series(1, 300) i",
    )
    existing_database.upgrade()
    lines = lines_of(call(existing_database, "repair", "unknown-statuses"))
    assert len(lines) < 60
    assert any("250 of 250 further reasons" in line for line in lines)


@both_majors
def test_drift_names_a_role_of_any_name_and_its_sql_runs(evil_database: Database) -> None:
    evil_database.upgrade()
    with evil_database.owner() as connection:
        _run(connection, f"grant truncate on public.document_chunks to {quote(EVIL)}")
    output = call(evil_database, "drift")
    lines = lines_of(output)
    assert any("document_chunks: grant is TRUNCATE to" in line for line in lines), lines
    script = call(evil_database, "drift", "--sql")
    assert "\x1b" not in script
    psql(evil_database, script)
    assert "document_chunks" not in call(evil_database, "drift")


@both_majors
def test_the_script_of_an_upgrade_prints_no_control_character(evil_database: Database) -> None:
    """Its checks run in the database; a policy of our name, with an evil condition, stops it."""
    run(evil_database, f"alter policy {quote(EVIL)} on public.documents rename to documents_select")
    done = subprocess.run(
        [program(evil_database.major, "psql"), "--no-psqlrc", "-q", evil_database.url(OWNER)],
        input="\\set ON_ERROR_STOP on\n" + preflight.offline() + ";\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "cannot be adopted as it is" in done.stderr
    assert re.sub(r"[\n\t]", "", done.stderr).isprintable()


def test_the_query_of_another_session_is_shown_as_one_line(world_database: Database) -> None:
    with world_database.engine().connect() as other:
        _run(other, f"select 1 from public.documents /* {EVIL} \x1b]0;title\x07 */")
        blockers = waits.blockers(world_database.engine())
        other.rollback()
    assert "last query: select 1 from public.documents /*" in blockers
    assert blockers.isprintable()

    class Terminal:
        text = ""

        def write(self, text: str) -> None:
            self.text += text

        def flush(self) -> None: ...

    terminal = Terminal()
    display = waits.Display(terminal)
    row = {"index": f"idx{EVIL}", "phase": "building", "done": 1, "total": 2, "unit": " rows"}
    display.show(row)
    display.close()
    assert "idx" in terminal.text
    assert "\u202e" not in terminal.text
    assert "\x1b[2J" not in terminal.text


def test_what_the_server_says_is_one_line(world_database: Database) -> None:
    with world_database.owner() as connection, pytest.raises(sa.exc.DBAPIError) as failed:
        _run(connection, f"do $$ begin raise exception {literal(EVIL)}; end $$")
    said = waits.describe(failed.value)

    class Failed(MivaaError):
        """It failed: {detail}"""

    assert "\n" in said
    assert str(Failed(detail=said)).isprintable()
