"""Drafts in an order that nobody planned: two in a row, two at once, half-way, by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from development.edits import append, argument, column, function
from development.path import execute, psql

from fixtures.databases import Database
from fixtures.forking import Commands, Done
from fixtures.projects import Project

SIZE = column("documents", "size: Mapped[int | None] = mapped_column(comment='S.')")
RANK = column("documents", "rank: Mapped[int | None] = mapped_column(comment='R.')")
UNIQUE = argument(
    "documents", 'sa.Index("documents_status_key", "workspace_id", "status", unique=True)'
)
"""Two documents of a full workspace have one status, so it cannot be built."""


class Developer:
    """Somebody with a copy of the project and a database."""

    def __init__(self, project: Project, commands: Commands, database: Database) -> None:
        self.project, self.commands, self.database = project, commands, database

    def alembic(self, *arguments: str, user: str | None = None) -> Done:
        return self.commands.run(
            self.project.folder, "alembic", *arguments, database=self.database, user=user
        )

    def succeed(self, *arguments: str) -> Done:
        done = self.alembic(*arguments)
        assert done.code == 0, str(done)
        return done

    def draft(self, message: str) -> Done:
        return self.alembic("revision", "--autogenerate", "-m", message)

    def files(self) -> dict[str, bytes]:
        versions = self.project.folder / "alembic" / "versions"
        return {
            str(path.relative_to(versions)): path.read_bytes()
            for path in versions.rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        }

    def assert_refused(self, *arguments: str, says: tuple[str, ...] = ()) -> None:
        """With one message, and before a file is written."""
        before = self.files()
        done = self.alembic(*arguments)
        assert done.code != 0, str(done)
        assert self.files() == before, str(done)
        assert "Traceback" not in done.out + done.err, str(done)
        assert done.out.count("FAILED:") == 1, str(done)
        for said in says:
            assert said in done.out, str(done)


@pytest.fixture
def developer(project: Project, commands: Commands, head_database: Database) -> Developer:
    """A developer with an empty database at head."""
    return Developer(project, commands, head_database)


HELPER = "public.analyze_workspace_query_performance"
DRAFT = ("revision", "--autogenerate", "-m", "Another")


def test_two_drafts_follow_each_other(developer: Developer) -> None:
    head = int(developer.project.head())
    before = developer.database.dump()
    for number, edit in enumerate((SIZE, RANK), start=1):
        edit(developer.project)
        assert developer.draft("Edit").code == 0
        assert developer.project.head() == f"{head + number:04d}"
        developer.succeed("upgrade", "head")
        developer.succeed("check")
    developer.succeed("downgrade", f"{head:04d}")
    assert developer.database.dump() == before


def test_downgrade_counts_values_where_their_column_was_added(developer: Developer) -> None:
    SIZE(developer.project)
    assert developer.draft("Size").code == 0
    developer.succeed("upgrade", "head")
    with developer.database.owner() as connection:
        connection.exec_driver_sql(
            "insert into public.workspaces (id, name) values (gen_random_uuid(), 'W')"
        )
        connection.exec_driver_sql(
            "insert into public.documents (workspace_id, size)"
            " select id, n from public.workspaces, generate_series(1, 3) n"
        )
    developer.project.edit("models/document.py", "comment='S.'", "comment='Size.'")
    assert developer.draft("Comment").code == 0
    developer.succeed("upgrade", "head")
    assert "This downgrade drops" not in str(developer.succeed("downgrade", "-1"))
    done = str(developer.succeed("downgrade", "-1"))
    assert "This downgrade drops 3 values of public.documents.size" in done


def test_drift_is_repaired_beside_what_a_draft_has_changed_and_nothing_records_yet(
    developer: Developer,
) -> None:
    developer.project.append(
        "sql/storage.sql",
        "alter table public.documents set (fillfactor = 90);\n"
        "alter table public.documents alter column metadata set storage external;\n",
    )
    assert developer.draft("Storage").code == 0
    developer.succeed("upgrade", "head")
    with developer.database.owner() as connection:
        connection.exec_driver_sql("alter table public.documents disable row level security")
        connection.exec_driver_sql("alter table public.documents drop column metadata")
        connection.exec_driver_sql("grant create on schema mivaa to public")
    done = developer.commands.run(
        developer.project.folder, "mivaa_schema", "drift", "--sql", database=developer.database
    )
    assert done.code == 1, str(done)
    assert "alter table public.documents enable row level security" in done.out
    assert "alter table public.documents add column metadata jsonb" in done.out
    assert "on schema mivaa" in done.out


def test_values_without_an_equality_are_counted(developer: Developer) -> None:
    column("documents", "extra: Mapped[Any] = mapped_column(sa.JSON(), server_default='{}',"
           " comment='E.')")(developer.project)  # fmt: skip
    assert developer.draft("Extra").code == 0
    developer.succeed("upgrade", "head")
    assert "This downgrade drops" not in str(developer.succeed("downgrade", "-1"))


def test_what_is_drafted_and_not_yet_run_is_in_the_way_of_the_next_draft(
    developer: Developer,
) -> None:
    SIZE(developer.project)
    assert developer.draft("Size").code == 0
    RANK(developer.project)
    developer.assert_refused(*DRAFT)


def test_an_edit_that_is_taken_back_writes_nothing(developer: Developer) -> None:
    SIZE(developer.project)
    shutil.copyfile(
        Path(__file__).parents[2] / "mivaa_schema" / "models" / "document.py",
        developer.project.folder / "mivaa_schema" / "models" / "document.py",
    )
    before = developer.files()
    done = developer.draft("Nothing")
    assert done.code == 0, str(done)
    assert developer.files() == before


def test_a_revision_by_hand_runs_empty_and_needs_no_database(developer: Developer) -> None:
    before = developer.database.dump()
    done = developer.commands.run(developer.project.folder, "alembic", "revision", "-m", "By hand")
    assert done.code == 0, str(done)
    assert not (developer.project.folder / ".mivaa").exists()
    revision = developer.project.newest()
    assert "phase" not in revision.read_text(encoding="utf-8").lower()
    below = f"{int(developer.project.head()) - 1:04d}"
    developer.succeed("upgrade", "head")
    developer.succeed("check")
    developer.succeed("downgrade", "-1")
    assert developer.database.dump() == before
    psql(developer.database, developer.succeed("upgrade", f"{below}:head", "--sql").out)
    psql(developer.database, developer.succeed("downgrade", f"head:{below}", "--sql").out)
    assert developer.database.dump() == before


def test_a_draft_after_a_revision_by_hand(developer: Developer) -> None:
    developer.succeed("revision", "-m", "By hand")
    developer.succeed("upgrade", "head")
    SIZE(developer.project)
    assert developer.draft("Size").code == 0
    developer.succeed("upgrade", "head")
    developer.succeed("check")
    developer.succeed("downgrade", "-2")


@pytest.mark.usefixtures("embedded")
def test_grants_and_comments_that_a_revision_by_hand_drops_with_a_function_are_missed(
    developer: Developer,
) -> None:
    developer.succeed("revision", "-m", "By hand")
    revision = developer.project.newest()
    text = revision.read_text(encoding="utf-8")
    imports = """
from mivaa_schema.operations import FrozenSQL, create, drop, run

HELPER = FrozenSQL(__file__, revision="0010").function("mivaa.user_id")
revision ="""
    text = text.replace("\nrevision =", imports).replace(
        "    pass", "    run(drop(HELPER), create(HELPER))"
    )
    revision.write_text(text.replace("mivaa.user_id", HELPER), "utf-8")
    with pytest.raises(
        AssertionError, match=f"creates function {HELPER}, whose file is not in its"
    ):
        developer.project.run("mivaa_schema", "freeze")
    frozen = revision.with_suffix("") / "functions"
    frozen.mkdir()
    source = developer.project.folder / "mivaa_schema/sql/functions"
    shutil.copy(source / f"{HELPER}.sql", frozen)
    developer.project.run("mivaa_schema", "freeze")
    developer.succeed("upgrade", "head")
    said = developer.alembic("check")
    assert said.code != 0
    assert "grants.sql:" in said.out
    assert "comments.sql:" in said.out
    assert developer.draft("Grant it again").code == 0
    developer.succeed("upgrade", "head")
    developer.succeed("check")


@pytest.mark.usefixtures("embedded")
def test_downgrade_that_restores_an_older_definition_is_refused(developer: Developer) -> None:
    where = ("models/document.py", '"workspace_id", text("updated_at DESC")')
    developer.project.edit(*where, where[1] + ', "id"')
    assert developer.draft("Index more").code == 0
    developer.project.edit(*where, where[1] + ', "status"')
    developer.project.edit("models/document.py", ', "status", "id"', ', "status"')
    developer.succeed("upgrade", "head")
    assert developer.draft("Index other").code == 0
    developer.project.run("mivaa_schema", "freeze")
    revision = developer.project.newest()
    text = revision.read_text(encoding="utf-8")
    assert 'revision="0013"' in text
    revision.write_text(text.replace('revision="0013"', 'revision="0009"'), encoding="utf-8")
    said = "downgrade of revision 0014 restores index public.idx_documents_workspace_updated"
    with pytest.raises(AssertionError, match=said):
        developer.project.run("mivaa_schema", "freeze")


def test_index_that_a_foreign_key_stands_on_is_not_drafted_away(developer: Developer) -> None:
    key = '        Index("documents_workspace_id_id_key", "workspace_id", "id", unique=True),\n'
    developer.project.edit(
        "models/document.py", key, key.replace('"workspace_id", "id"', '"id", "workspace_id"')
    )
    says = ("index public.documents_workspace_id_id_key", "foreign key", "stands on it; keep it")
    developer.assert_refused(*DRAFT, says=says)
    developer.project.edit(
        "models/document.py", key.replace('"workspace_id", "id"', '"id", "workspace_id"'), ""
    )
    developer.assert_refused(*DRAFT, says=says)


def test_functions_that_mention_a_dropped_column_are_named(developer: Developer) -> None:
    developer.project.edit(
        "models/document.py",
        '    title: Mapped[str | None] = mapped_column(comment="Title.")\n',
        "",
    )
    assert developer.draft("Drop the title").code == 0
    draft = developer.project.newest().read_text(encoding="utf-8")
    assert "# public.search_documents_hybrid() mentions that name." in draft


def test_a_draft_without_a_message_is_refused(developer: Developer) -> None:
    SIZE(developer.project)
    developer.assert_refused("revision", "--autogenerate", says=("-m",))


@pytest.mark.slow
@pytest.mark.parametrize("command", [DRAFT, ("upgrade", "head"), ("check",)], ids=lambda c: c[0])
def test_two_branches_that_drafted_one_number_are_named(
    developer: Developer, command: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Developer(
        Project(tmp_path_factory.mktemp("other")), developer.commands, developer.database
    )
    for each, edit, message in ((developer, SIZE, "Size"), (other, RANK, "Rank")):
        edit(each.project)
        assert each.draft(message).code == 0
    merged = developer.project.folder / "alembic" / "versions"
    revision = other.project.newest()
    shutil.copyfile(revision, merged / revision.name)
    shutil.copytree(revision.with_suffix(""), merged / revision.stem)
    RANK(developer.project)
    head = developer.project.head()
    developer.assert_refused(*command, says=(f"{head}_size", f"{head}_rank"))


@pytest.mark.slow
def test_a_revision_that_failed_half_way_is_in_the_way_until_it_is_reverted(
    project: Project, commands: Commands, world_database: Database
) -> None:
    developer = Developer(project, commands, world_database)
    before = world_database.dump()
    SIZE(project)
    UNIQUE(project)
    assert developer.draft("Half").code == 0
    done = developer.alembic("upgrade", "head")
    assert done.code != 0, str(done)
    assert "Traceback" not in done.out + done.err, str(done)
    assert "documents_status_key" in done.out, str(done)
    developer.assert_refused(*DRAFT, says=(project.head(),))
    developer.assert_refused("check", says=(project.head(),))
    developer.succeed("downgrade", f"{int(project.head()) - 1:04d}")
    assert world_database.dump() == before


@pytest.mark.slow
def test_a_revision_that_failed_half_way_and_was_deleted_leaves_a_way_out(
    project: Project, commands: Commands, world_database: Database
) -> None:
    developer = Developer(project, commands, world_database)
    below = project.head()
    SIZE(project)
    UNIQUE(project)
    assert developer.draft("Half").code == 0
    assert developer.alembic("upgrade", "head").code != 0
    revision = project.newest()
    kept = project.folder / "kept"
    shutil.copytree(revision.with_suffix(""), kept / revision.stem)
    shutil.copyfile(revision, kept / revision.name)
    shutil.rmtree(revision.with_suffix(""))
    revision.unlink()
    for command in (DRAFT, ("check",), ("upgrade", "head")):
        developer.assert_refused(*command, says=(f"{int(below) + 1:04d}",))
    shutil.copytree(kept / revision.stem, revision.with_suffix(""))
    shutil.copyfile(kept / revision.name, revision)
    developer.succeed("downgrade", below)
    developer.succeed("upgrade", below)


@pytest.mark.parametrize("command", [("check",), DRAFT], ids=lambda c: c[0])
def test_neither_check_nor_a_draft_waits_for_users_or_lets_them_wait(
    developer: Developer, command: tuple[str, ...]
) -> None:
    SIZE(developer.project)
    with developer.database.owner() as connection:
        for table in ("documents", "document_chunks", "workspaces"):
            connection.exec_driver_sql(f"lock table public.{table} in access exclusive mode")
        done = developer.alembic(*command)
    if command == DRAFT:
        assert done.code == 0, str(done)
    else:
        assert "size" in done.out + done.err, str(done)


def test_a_draft_makes_nothing_but_temporary_objects_in_the_database(developer: Developer) -> None:
    with developer.database.superuser() as connection:
        connection.exec_driver_sql(
            "create schema watch; grant all on schema watch to public;"
            "create function watch.refuse() returns event_trigger language plpgsql as"
            " $$ begin if exists (select from pg_event_trigger_ddl_commands()"
            "   where schema_name is distinct from 'pg_temp')"
            " then raise exception 'DDL: %', tg_tag; end if; end $$;"
            "create event trigger refuse_ddl on ddl_command_end execute function watch.refuse()",
            execution_options={"no_parameters": True},
        )
    try:
        SIZE(developer.project)
        function("public.twice", "select 2")(developer.project)
        append("comments.sql", "comment on function public.twice() is 'T.';\n")(developer.project)
        done = developer.draft("Size")
        assert done.code == 0, str(done)
    finally:
        with developer.database.superuser() as connection:
            connection.exec_driver_sql("drop event trigger refuse_ddl")


def test_a_draft_on_a_database_that_is_behind_is_refused(
    project: Project, commands: Commands, head_database: Database
) -> None:
    developer = Developer(project, commands, head_database)
    developer.succeed("downgrade", "-1")
    SIZE(project)
    developer.assert_refused(*DRAFT)


def test_check_needs_no_more_than_a_role_that_only_reads(developer: Developer) -> None:
    with developer.database.superuser() as connection:
        connection.exec_driver_sql(
            "create role check_reader login; grant usage on schema mivaa to check_reader;"
            "grant select on mivaa.ledger, mivaa.alembic_version to check_reader;"
            f'alter database "{developer.database.name}" set default_transaction_read_only = on'
        )
    try:
        done = developer.alembic("check", user="check_reader")
        assert done.code == 0, str(done)
        SIZE(developer.project)
        done = developer.alembic("check", user="check_reader")
        assert done.code != 0
        assert "column public.documents.size" in done.out + done.err, str(done)
    finally:
        with developer.database.superuser() as connection:
            connection.exec_driver_sql(
                "set transaction read write; drop owned by check_reader; drop role check_reader"
            )


@pytest.mark.slow
def test_a_trigger_that_somebody_disabled_and_an_invalid_index_are_seen(
    developer: Developer,
) -> None:
    execute(
        developer.database,
        "alter table public.documents disable trigger zz_mivaa_row_owner",
    )
    done = developer.alembic("check")
    assert done.code != 0
    assert "zz_mivaa_row_owner" in done.out + done.err, str(done)


@pytest.mark.parametrize(
    "option", [("--rev-id", "abc"), ("--splice", "--head", "base"), ("--branch-label", "mine")]
)
def test_a_draft_outside_of_the_straight_line_is_refused(
    developer: Developer, option: tuple[str, ...]
) -> None:
    SIZE(developer.project)
    developer.assert_refused(*DRAFT, *option, says=("straight line",))


def test_a_message_may_hold_quotes_and_backslashes(developer: Developer) -> None:
    SIZE(developer.project)
    done = developer.alembic("revision", "--autogenerate", "-m", 'It\'s """so""" \\N{x}')
    assert done.code == 0, str(done)
