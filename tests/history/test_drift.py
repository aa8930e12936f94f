"""Both roads lead to the same schema, and whatever differs is named."""

from __future__ import annotations

from fixtures.clusters import both_majors
from fixtures.databases import Database
from mivaa_schema import present
from mivaa_schema.catalog import differences, snapshot


@both_majors
def test_upgrade_head_and_the_present_are_the_same_schema(
    head_database: Database, platform_database: Database
) -> None:
    with platform_database.owner() as connection:
        present.build(connection)
        built = snapshot(connection)
    with head_database.owner() as connection:
        upgraded = snapshot(connection)
    found = differences(upgraded, built)
    assert not found, "alembic upgrade head (first) and the present (second) differ:\n" + "\n".join(
        found
    )
