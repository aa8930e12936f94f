"""A platform whose rows break every rule, before and after it is adopted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from repair.bad_rows import WITHOUT_RULES, BadRows

from fixtures.clusters import Kind
from fixtures.databases import Database, Templates
from fixtures.existing_platform import run


@pytest.fixture(scope="session")
def bad_template(
    templates: Templates, existing_template: Callable[[int], str]
) -> Callable[[int], str]:
    """The platform with bad rows, before the upgrade."""

    def complete(made: Database) -> None:
        run(made, WITHOUT_RULES)
        BadRows().plant(made)

    return lambda major: templates(major, "bad", complete, existing_template(major))


@pytest.fixture(scope="session")
def adopted_template(
    templates: Templates, bad_template: Callable[[int], str]
) -> Callable[[int], str]:
    """The platform with bad rows, after the upgrade, and what only an upgraded one can have."""

    def complete(made: Database) -> None:
        made.upgrade()
        run(
            made,
            "update public.document_chunks set embedding_migration_status = 'completed'"
            " where content = 'Chunk 1' and workspace_id is not null",
        )

    return lambda major: templates(major, "bad_adopted", complete, bad_template(major))


@pytest.fixture
def bad_database(
    major: int, clone: Callable[[int, str], Database], bad_template: Callable[[int], str]
) -> Database:
    """A database before the upgrade, with bad rows."""
    return clone(major, bad_template(major))


@pytest.fixture
def adopted_database(
    major: int, clone: Callable[[int, str], Database], adopted_template: Callable[[int], str]
) -> Database:
    """A database after the upgrade, with bad rows; for writing."""
    return clone(major, adopted_template(major))


@pytest.fixture(scope="session")
def shared_adopted(
    platform_kind: Kind,
    clone: Callable[[int, str], Database],
    adopted_template: Callable[[int], str],
) -> Database:
    """One database after the upgrade, with bad rows, for tests that change nothing."""
    return clone(platform_kind.major, adopted_template(platform_kind.major))
