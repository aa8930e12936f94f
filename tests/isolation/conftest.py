"""A database for the model: empty, and able to hold what adopted tables hold."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.databases import Database
from fixtures.people import insert
from fixtures.shelves import drop_vector_indexes
from isolation.statements import CONTENT_TABLES
from isolation.strategies import LIMBO, USERS, id_of

ModelDatabases = Callable[[int], Database]


@pytest.fixture(scope="session")
def model_databases(
    clone: Callable[[int, str], Database], head_template: Callable[[int], str]
) -> ModelDatabases:
    """A database of a major version in which every transaction is rolled back."""
    made: dict[int, Database] = {}

    def of(major: int) -> Database:
        if major not in made:
            made[major] = clone(major, head_template(major))
            _open(made[major])
        return made[major]

    return of


def _open(made: Database) -> None:
    with made.superuser() as connection:
        for user in (*USERS, LIMBO):
            insert(connection, "auth.users", id=id_of(user))
        # Adopted tables can hold unknown roles, and rows without a workspace.
        connection.exec_driver_sql(
            "alter table public.workspace_members drop constraint workspace_members_role_check"
        )
        for table in CONTENT_TABLES:
            connection.exec_driver_sql(
                f"alter table public.{table} alter column workspace_id drop not null"
            )
        # What is rolled back stays in such an index until a vacuum, and there are thousands.
        drop_vector_indexes(connection)
