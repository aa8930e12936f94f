"""An interrupted revision whose file is gone is named, with what to do."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from fixtures.databases import Database
from fixtures.projects import Project
from mivaa_schema.migrations import interrupted_revision, recorded_revisions

REVISION = '''\
"""Reviewed documents.

Revision ID: 0013
Revises: 0012
"""

from alembic import op

from mivaa_schema.operations import resumable

revision = "0013"
down_revision = "0012"


def made(kind, name):
    op.execute(
        f"insert into mivaa.ledger (kind, object_name) values ('{kind}', 'public.{name}')"
        " on conflict do nothing"
    )


def upgrade():
    op.execute("alter table public.documents add column if not exists reviewed boolean")
    made("column", "documents.reviewed")
    op.execute("create table if not exists public.reviews (id int)")
    made("table", "reviews")
    with resumable(revision):
        made("index", "idx_documents_reviewed")
        op.execute(
            "create index concurrently if not exists idx_documents_reviewed"
            " on public.documents (reviewed)"
        )
        op.execute("select 1 / 0")


def downgrade():
    op.execute("drop index if exists public.idx_documents_reviewed")
    op.execute("drop table if exists public.reviews")
    op.execute("alter table public.documents drop column if exists reviewed")
    op.execute("delete from mivaa.ledger where object_name like '%reviewe%'")
'''


@pytest.fixture
def project(tmp_path) -> Project:
    return Project(tmp_path)


def refusal(project: Project, database: Database, *arguments: str) -> str:
    with pytest.raises(AssertionError) as caught:
        project.run(*arguments, database=database)
    assert "Traceback" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def interrupted(project: Project, world_database: Database) -> Database:
    file = project.folder / "alembic/versions/0013_reviewed.py"
    file.write_text(REVISION)
    said = refusal(project, world_database, "alembic", "upgrade", "head")
    assert "Revision 0013 failed and is interrupted" in said
    file.unlink()
    return world_database


@pytest.mark.parametrize(
    "arguments", [("upgrade", "head"), ("downgrade", "-1"), ("downgrade", "base"), ("check",),
                  ("revision", "--autogenerate", "-m", "x"), ("stamp", "head")],
)  # fmt: skip
def test_every_command_that_changes_or_compares_names_the_ways_out(
    project: Project, interrupted: Database, arguments: tuple[str, ...]
) -> None:
    before = interrupted.dump()
    said = refusal(project, interrupted, "alembic", *arguments)
    assert "Revision 0013 is interrupted" in said
    assert "its file is missing" in said
    assert "`alembic downgrade 0012`" in said
    assert "mivaa-schema abandon 0013" in said
    assert interrupted.dump() == before


def test_current_is_tolerant(project: Project, interrupted: Database) -> None:
    assert "0012 (head)" in project.run("alembic", "current", database=interrupted)


def test_restored_file_lets_the_revision_be_reverted(
    project: Project, interrupted: Database
) -> None:
    (project.folder / "alembic/versions/0013_reviewed.py").write_text(REVISION)
    project.run("alembic", "downgrade", "0012", database=interrupted)
    project.run("alembic", "upgrade", "0012", database=interrupted)
    with interrupted.owner() as connection:
        assert recorded_revisions(connection) == ["0012"]
        assert interrupted_revision(connection) is None


def test_abandon_lists_first_and_then_drops_exactly_what_was_created(
    project: Project, interrupted: Database, head_database: Database
) -> None:
    with interrupted.owner() as connection:
        connection.exec_driver_sql("insert into public.reviews values (1), (2)")
        count = connection.exec_driver_sql(
            "with c as (update public.documents set reviewed = true returning 1)"
            " select count(*) from c"
        ).scalar_one()
    before = interrupted.dump()
    said = project.run("mivaa_schema", "abandon", "0013", database=interrupted)
    assert f"would drop: column public.documents.reviewed ({count} values)" in said
    assert "would drop: table public.reviews (2 rows)" in said
    assert "would drop: index public.idx_documents_reviewed" in said
    assert interrupted.dump() == before
    said = project.run("mivaa_schema", "abandon", "0013", "--apply", database=interrupted)
    assert "revision 0013 is abandoned" in said
    assert interrupted.dump() == head_database.dump()
    project.run("alembic", "upgrade", "head", database=interrupted)


def test_abandon_refuses_what_alembic_can_complete_or_what_is_not_interrupted(
    project: Project, interrupted: Database
) -> None:
    said = refusal(project, interrupted, "mivaa_schema", "abandon", "0012")
    assert "Revision 0012 cannot be abandoned: it is not interrupted; revision 0013 is" in said
    (project.folder / "alembic/versions/0013_reviewed.py").write_text(REVISION)
    said = refusal(project, interrupted, "mivaa_schema", "abandon", "0013", "--apply")
    assert "`alembic upgrade 0013` completes it" in said


def test_abandon_refuses_a_change_that_only_its_downgrade_restores(
    project: Project, interrupted: Database
) -> None:
    with interrupted.owner() as connection:
        connection.exec_driver_sql(
            "insert into mivaa.ledger (kind, object_name, former)"
            " values ('something', 'public.somewhere', '{}')"
        )
    before = interrupted.dump()
    said = refusal(project, interrupted, "mivaa_schema", "abandon", "0013", "--apply")
    assert "it has also changed something public.somewhere" in said
    assert interrupted.dump() == before


CHANGES = '''\
"""Everything that operations remember, on names that need quotes.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa

from mivaa_schema.operations import (
    adopt,
    adopt_table,
    check,
    close_table,
    column,
    index,
    option,
    resumable,
    run,
    set_not_null,
    storage,
)

revision = "0013"
down_revision = "0012"
WIDE = sa.Column("The.Size%", sa.Text(), comment="It's wide.")
OLD = {"kind": "column", "table": "public.Old.Reviews", "name": "Mark", "nullable": False}


def upgrade():
    run(adopt(column("public.Old.Reviews", WIDE)))
    run(adopt_table("public.Reviews", sa.Column("id", sa.Uuid(), primary_key=True, comment="Key."),
                    comment="Reviews."), close_table("public.Reviews"))
    run(close_table("public.Old.Reviews"))
    run(adopt(storage("Mark", "public.Old.Reviews", "plain")))
    run(adopt(option("fillfactor", "public.Old.Reviews", "90")))
    with resumable(revision):
        run(adopt(check("Marked.Well", "public.Old.Reviews", '"Mark" <> $$%$$')))
        run(adopt(index("By.Mark", "public.Old.Reviews", '("Mark")')))
        run(set_not_null(OLD))


def downgrade():
    pass
'''


def test_abandon_restores_what_was_changed_under_names_that_need_quotes(
    project: Project, head_database: Database
) -> None:
    with head_database.owner() as connection:
        connection.exec_driver_sql(
            'create table public."Old.Reviews" ("Mark" text); insert into public."Old.Reviews"'
            ' values (null), (null), (\'good\'); grant select ("Mark") on public."Old.Reviews"'
            ' to anon; grant select, insert on public."Old.Reviews" to authenticated'
        )
    before = head_database.dump()
    file = project.folder / "alembic/versions/0013_changes.py"
    file.write_text(CHANGES)
    said = refusal(project, head_database, "alembic", "upgrade", "head")
    assert "public.Old.Reviews.Mark cannot become NOT NULL: 2 row(s) hold null" in said
    assert "Give these rows a value" in said
    file.unlink()
    said = project.run("mivaa_schema", "abandon", "0013", database=head_database)
    assert "would drop: column public.Old.Reviews.The.Size% (0 values)" in said
    project.run("mivaa_schema", "abandon", "0013", "--apply", database=head_database)
    assert head_database.dump() == before


@pytest.mark.parametrize("arguments", [("upgrade", "head"), ("current",), ("check",)])
def test_recorded_revision_without_a_file_is_named_with_the_ways_out(
    project: Project, head_database: Database, arguments: tuple[str, ...]
) -> None:
    with head_database.owner() as connection:
        connection.execute(sa.text("update mivaa.alembic_version set version_num = '0013'"))
    said = refusal(project, head_database, "alembic", *arguments)
    assert "is at revision `0013`, which is not among the files" in said
    assert "restore it" in said
    assert "install that version" in said
