"""Supabase's advisor, splinter: its lints as queries of our own, one file each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Connection

from tools.audit.database import Audited
from tools.audit.findings import Finding

FOLDER = Path(__file__).parent / "lints"
SETS = FOLDER / "sets.sql"


@dataclass(frozen=True)
class Lint:
    """A query for what one lint objects to.

    Attributes:
        number: The number that splinter gives it.
        name: The name that splinter gives it.
        level: ``info``, ``warning`` or ``error``.
        remedy: What to do.
        query: The query, over the sets of ``sets.sql``; columns ``object`` and ``detail``.
    """

    number: str
    name: str
    level: str
    remedy: str
    query: str

    def findings(self, connection: Connection) -> Iterator[Finding]:
        """What it finds; the search path must be that of the server alone."""
        query = SETS.read_text() + self.query
        found = connection.exec_driver_sql(query, execution_options={"no_parameters": True})
        for name, detail in found:
            yield Finding("splinter", self.name, name, f"{detail} ({self.level}: {self.remedy})")

    def __str__(self) -> str:
        return self.name


def lints() -> list[Lint]:
    """All lints: the files whose names begin with a number."""
    return [_lint(path) for path in sorted(FOLDER.glob("[0-9]*.sql"))]


def _lint(path: Path) -> Lint:
    number, _, name = path.stem.partition("_")
    text = path.read_text()
    header = dict(re.findall(r"^-- (level|remedy): (.+)$", text, re.M))
    return Lint(number, name, header["level"], header["remedy"], text)


def prepare(connection: Connection, api_schemas: str = "public") -> None:
    """Set what the lints rely on, for this transaction."""
    connection.exec_driver_sql("set local search_path = pg_catalog")
    connection.exec_driver_sql(
        "select set_config('pgrst.db_schemas', %(schemas)s, true)"
        " where coalesce(current_setting('pgrst.db_schemas', true), '') = ''",
        {"schemas": api_schemas},
    )


def run(audited: Audited) -> list[Finding]:
    """What all lints find."""
    with audited.engine.begin() as connection:
        prepare(connection)
        return [finding for lint in lints() for finding in lint.findings(connection)]
