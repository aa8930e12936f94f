"""The world, and a workspace elsewhere that everybody else attacks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.databases import Database
from fixtures.intruder import Neighbourhoods, settle


@pytest.fixture(scope="session")
def neighbourhoods(
    clone: Callable[[int, str], Database], world_template: Callable[[int], str]
) -> Neighbourhoods:
    """One database on each major version, for attacks that are rolled back."""
    made: dict[int, Database] = {}

    def of(major: int) -> Database:
        if major not in made:
            made[major] = clone(major, world_template(major))
            settle(made[major])
        return made[major]

    return of


@pytest.fixture
def attacked(neighbourhoods: Neighbourhoods, major: int) -> Database:
    """The database under attack."""
    return neighbourhoods(major)
