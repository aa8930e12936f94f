"""From an edit to a revision that runs, goes and comes again; or to one message and no file.

One case, whatever its tier: ``pytest tests/development -m "" -k "varchar and text"``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from development.cases import CASES, FAST
from development.path import ADOPTED, EMPTY, FULL, MESSY, Case, DevelopersPath, Walk

from fixtures.databases import Database, Templates
from fixtures.forking import Commands
from fixtures.messy_platform import MESSES, mess_up
from fixtures.projects import Project

Clone = Callable[[int, str], Database]
Template = Callable[[int], str]


@pytest.fixture(scope="session")
def adopted_template(templates: Templates, existing_template: Template) -> Template:
    """A platform with tables and rows of its own, after the upgrade."""
    return lambda major: templates(major, "adopted", Database.upgrade, existing_template(major))


@pytest.fixture(scope="session")
def adopted_messy_template(templates: Templates, messy_template: Template) -> Template:
    """A platform on which all is wrong that can be adopted, after the upgrade."""

    def complete(made: Database) -> None:
        mess_up(made, MESSES)
        made.upgrade()

    return lambda major: templates(major, "adopted_messy", complete, messy_template(major))


@pytest.fixture
def walk(
    major: int,
    clone: Clone,
    project: Project,
    commands: Commands,
    head_template: Template,
    world_template: Template,
    adopted_template: Template,
    adopted_messy_template: Template,
) -> Iterator[Walk]:
    """Walk the developer's path, on databases of the test's own."""
    used: list[Database] = []
    drafted_on = {
        EMPTY: head_template,
        FULL: world_template,
        ADOPTED: adopted_template,
        MESSY: adopted_messy_template,
    }

    def run(case: Case) -> None:
        template = drafted_on[case.on]
        second = template if case.on in (ADOPTED, MESSY) else head_template
        online, offline = clone(major, template(major)), clone(major, second(major))
        used.extend((online, offline))
        DevelopersPath(case, project, commands, online, offline).walk()

    yield run
    for database in used:
        database.drop()


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, id=c.name, marks=[] if c.name in FAST else pytest.mark.slow) for c in CASES],
)
def test_developers_path(case: Case, walk: Walk) -> None:
    walk(case)


def test_each_case_has_a_name_of_its_own() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))
    assert set(names) >= FAST
