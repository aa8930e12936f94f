"""The revisions, one by one, and the current definitions, at once, make the same schema."""

from __future__ import annotations

from fixtures.clusters import both_majors
from fixtures.current_schema import build
from fixtures.databases import Database
from fixtures.drift import differences
from mivaa_schema.catalog import snapshot


@both_majors
def test_upgrade_head_and_the_current_definitions_make_the_same_schema(
    head_database: Database, platform_database: Database
) -> None:
    with platform_database.owner() as connection:
        build(connection)
        built = snapshot(connection)
    with head_database.owner() as connection:
        upgraded = snapshot(connection)
    found = differences(upgraded, built)
    assert not found, "the revisions (first) and the current definitions (second) differ:\n" + (
        "\n".join(found)
    )
