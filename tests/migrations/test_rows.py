"""Rows that do not meet what a new revision demands are counted, and the run can be repeated."""

from __future__ import annotations

import pytest
from migrations.test_missing_file import refusal

from fixtures.databases import Database
from fixtures.projects import Project

REVISION = '''\
"""Stricter documents.

Revision ID: 0013
Revises: 0012
"""

from mivaa_schema.operations import (
    adopt, check, index, resumable, run, set_not_null, unique, validate
)

revision = "0013"
down_revision = "0012"
TITLE = {"kind": "column", "table": "public.documents", "name": "title", "nullable": False}
SHORT = check("documents_short", "public.documents", "length(title) < 50")


def upgrade():
    with resumable(revision):
        run({operations})


def downgrade():
    pass
'''

CASES = {
    "a unique constraint": (
        'adopt(unique("documents_once", "public.documents", ["title"]))',
        "In documents, 2 rows share their (title) with another row",
    ),
    "a unique index": (
        """adopt(index("documents_once", "public.documents",
            "(lower(title || '%')) where content is null", unique=True))""",
        "In documents, 2 rows share their (lower(title || '%'::text)) with another row",
    ),
    "NOT NULL": (
        "set_not_null(TITLE)",
        "public.documents.title cannot become NOT NULL: 3 row(s) hold null. Give these rows",
    ),
}
BAD = """
update public.documents set title = id::text, content = null;
update public.documents set title = null where id in (select id from public.documents limit 3);
update public.documents set title = 'the same'
where id in (select id from public.documents where title is not null limit 2)
"""


def prepared(project: Project, database: Database, operations: str) -> None:
    file = project.folder / "alembic/versions/0013_stricter.py"
    file.write_text(REVISION.replace("{operations}", operations))
    with database.owner() as connection:
        connection.exec_driver_sql(BAD)


@pytest.mark.parametrize("case", CASES)
def test_rows_are_counted_and_the_run_can_be_repeated(
    project: Project, world_database: Database, case: str
) -> None:
    operations, says = CASES[case]
    prepared(project, world_database, operations)
    for _ in range(2):
        said = refusal(project, world_database, "alembic", "upgrade", "head")
        assert says in said
        assert "run the same command again: it continues where it stopped" in said
    with world_database.owner() as connection:
        connection.exec_driver_sql("update public.documents set title = id::text")
    project.run("alembic", "upgrade", "head", database=world_database)
    assert "0013" in project.run("alembic", "current", database=world_database)


def test_check_that_rows_do_not_meet_is_left_off_and_counts_them(
    project: Project, world_database: Database
) -> None:
    prepared(project, world_database, "adopt(SHORT), validate(SHORT)")
    with world_database.owner() as connection:
        connection.exec_driver_sql(
            "update public.documents set title = repeat('a', 60) where title = 'the same'"
        )
    (project.folder / "run_for_test.py").write_text(
        "import sys\n"
        "sys.stderr = sys.stdout\n"
        "from alembic.config import main\n"
        "main(argv=['upgrade', 'head'])\n"
    )
    said = project.run("run_for_test", database=world_database)
    assert "check documents_short of public.documents is left off: 2 row(s) do not meet" in said
    assert "check (length(title) < 50)" in said
    assert "mivaa-schema repair constraints --apply" in said


def test_drafted_check_that_rows_do_not_meet_stops_the_revision_and_counts_them(
    project: Project, world_database: Database
) -> None:
    operations = "adopt(SHORT, must_hold=True), validate(SHORT, must_hold=True)"
    prepared(project, world_database, operations)
    with world_database.owner() as connection:
        connection.exec_driver_sql(
            "update public.documents set title = repeat('a', 60) where title = 'the same'"
        )
    with pytest.raises(AssertionError, match=r"cannot be added: 2 row\(s\) do not meet"):
        project.run("alembic", "upgrade", "head", database=world_database)
    with world_database.owner() as connection:
        connection.exec_driver_sql("update public.documents set title = 'b' where title ~ '^aaa'")
    project.run("alembic", "upgrade", "head", database=world_database)


@pytest.fixture
def project(tmp_path) -> Project:
    return Project(tmp_path)
