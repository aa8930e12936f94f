"""Grants, policies and row-level security that are not as the revisions made them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mivaa_schema import drift
from mivaa_schema.drift.repair import closing_sql, is_about_access
from mivaa_schema.errors import Lines
from mivaa_schema.repair.base import Finding, Options, Repair
from mivaa_schema.repair.errors import AccessLeft, RepairFailed, RepairLockTimeout

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from mivaa_schema.drift import Difference
    from mivaa_schema.errors import MivaaError
    from mivaa_schema.repair.session import WriteSession


class Access(Repair):
    """Closes what is open, and opens what the revisions opened.

    A restored dump may lack grants, and the default privileges of the database that it went into
    may have granted others.
    """

    def __init__(self) -> None:
        does = "restores grants, policies and row-level security"
        super().__init__("access", does, looks_at_rows=False)

    def survey(self, connection: Connection, options: Options) -> list[Finding]:
        """What differs from the revisions, a line each."""
        return [Finding(str(one), 1) for one in _differences(connection)]

    def apply(self, session: WriteSession, options: Options) -> None:
        """Restore one object after the other, each in a transaction of its own.

        Raises:
            AccessLeft: Some could not be restored, with what is left.
        """
        connection = session.connection
        groups = closing_sql(connection, _differences(connection))
        connection.rollback()
        refused: list[MivaaError] = []
        for statements in groups:
            try:
                session.run(partial(_execute, connection, statements))
            except (RepairFailed, RepairLockTimeout) as error:
                refused.append(error)
        if refused:
            left = Lines.of(_differences(connection))
            said = refused[0].fields
            reason = said.get("detail") or f"no lock, held by {said['blockers']}"
            raise AccessLeft(left=left, reason=reason) from refused[0]


def _differences(connection: Connection) -> list[Difference]:
    return [one for one in drift.find(connection) if is_about_access(one)]


def _execute(connection: Connection, statements: list[str]) -> None:
    for statement in statements:
        # Verbatim: a condition may hold colons and percent signs.
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
