"""Grants, policies and row-level security that are not as the revisions made them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mivaa_schema import drift
from mivaa_schema.drift.repair import closing_sql, is_about_access
from mivaa_schema.repair.base import Finding, Options, Repair
from mivaa_schema.repair.errors import RepairFailed

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from mivaa_schema.drift import Difference
    from mivaa_schema.repair.session import WriteSession


class Access(Repair):
    """Closes what is open, and opens what the revisions opened.

    A restored dump may lack grants, and the default privileges of the database that it went into
    may have granted others.
    """

    def __init__(self) -> None:
        super().__init__("access", "restores grants, policies and row-level security")

    def survey(self, connection: Connection, options: Options) -> list[Finding]:
        """What differs from the revisions, a line each."""
        return [Finding(str(one), 1) for one in _differences(connection)]

    def apply(self, session: WriteSession, options: Options) -> None:
        """Restore everything in one transaction, then what takes rights on roles and schemas."""
        connection = session.connection
        changes, doors = closing_sql(connection, _differences(connection))
        connection.rollback()
        session.run(partial(_execute, connection, changes))
        refused: RepairFailed | None = None
        for statement in doors:
            try:
                session.run(partial(_execute, connection, [statement]))
            except RepairFailed as error:
                refused = refused or error
        if refused is not None:
            raise refused


def _differences(connection: Connection) -> list[Difference]:
    return [one for one in drift.find(connection) if is_about_access(one)]


def _execute(connection: Connection, statements: list[str]) -> None:
    for statement in statements:
        # Verbatim: a condition may hold colons and percent signs.
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
