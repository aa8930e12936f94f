"""Every downgrade leaves what was there before the upgrade, and the upgrade can be repeated."""

from __future__ import annotations

import difflib

import pytest
from alembic.script import ScriptDirectory

from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.people import World
from mivaa_schema.migrations import alembic_config

REVISIONS = [
    revision.revision
    for revision in reversed(list(ScriptDirectory.from_config(alembic_config()).walk_revisions()))
]


def assert_same(before: str, after: str, what: str) -> None:
    difference = "\n".join(
        difflib.unified_diff(
            before.splitlines(), after.splitlines(), "before", "after", lineterm=""
        )
    )
    assert not difference, f"{what} leaves a trace:\n{difference}"


def step_by_step(database: Database) -> None:
    """Up, down and up again over each revision; the database ends at head."""
    for revision in REVISIONS:
        before = database.dump()
        database.upgrade(revision)
        upgraded = database.dump()
        database.downgrade("-1")
        assert_same(before, database.dump(), f"downgrade of {revision}")
        database.upgrade(revision)
        assert_same(upgraded, database.dump(), f"second upgrade to {revision}")


@both_majors
def test_each_downgrade_leaves_the_dump_before_its_upgrade_on_an_empty_database(
    platform_database: Database,
) -> None:
    step_by_step(platform_database)


@both_majors
def test_downgrade_base_leaves_the_dump_before_the_upgrade(platform_database: Database) -> None:
    before = platform_database.dump()
    platform_database.upgrade()
    assert platform_database.dump() != before
    platform_database.downgrade()
    assert_same(before, platform_database.dump(), "downgrade to base")


@both_majors
def test_a_full_database_goes_down_and_up_step_by_step(
    head_database: Database, platform_database: Database, world: World
) -> None:
    at_head = head_database.dump()
    world.create(head_database)
    for revision in reversed(REVISIONS[1:]):
        upgraded = head_database.dump()
        head_database.downgrade("-1")
        lower = head_database.dump()
        head_database.upgrade(revision)
        assert_same(upgraded, head_database.dump(), f"second upgrade to {revision}")
        head_database.downgrade("-1")
        assert_same(lower, head_database.dump(), f"second downgrade of {revision}")
    head_database.upgrade()
    assert_same(at_head, head_database.dump(), "the upgrade back to head")
    with head_database.owner() as connection:
        count = connection.exec_driver_sql("select count(*) from public.documents").scalar_one()
    assert count == 10
    head_database.downgrade()
    assert_same(platform_database.dump(), head_database.dump(), "the way to base with rows")


@pytest.mark.parametrize("revision", REVISIONS)
def test_each_revision_explains_itself(revision: str) -> None:
    doc = ScriptDirectory.from_config(alembic_config()).get_revision(revision).module.__doc__ or ""
    for part in ("Why: ", "How: ", "The downgrade loses: "):
        assert part in doc, f"revision {revision} does not say {part!r} in its docstring"
