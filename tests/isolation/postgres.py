"""The same requests and statements, executed by PostgreSQL."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - the class has this name

from isolation.oracle import World
from isolation.statements import (
    CHUNKS,
    COLUMNS,
    DOCUMENTS,
    TEXT,
    Answer,
    Call,
    Delete,
    Insert,
    Refused,
    Request,
    Select,
    Statement,
    Values,
)
from isolation.strategies import IDS, NAMES

QUERY = "pg_catalog.array_fill(1::real, array[{}])::extensions.vector"
"""Every row has the same vector, and every query is that vector: only rights decide."""


class Session:
    """One connection and one transaction; whoever asks next, asks on it too.

    The connection is the superuser's, so that faults can be planted in the transaction; requests
    are those of ``authenticator`` all the same, with SET LOCAL ROLE, as PostgREST makes them.
    """

    def __init__(self, connection: Connection, planted: Iterable[str] = ()) -> None:
        self.cursor = connection.cursor()
        for statement in planted:
            self.cursor.execute(statement)

    def create(self, world: World) -> None:
        """Insert the rows of a world, and stop being the superuser."""
        self.cursor.execute("set local session_replication_role = replica")
        for table, rows in world.tables.items():
            self._fill(table, [_ids(row) for row in rows.values()], world)
        self.cursor.execute(
            "set local session_replication_role = origin;"
            " set local session authorization authenticator"
        )

    def _fill(self, table: str, rows: list[dict[str, Any]], world: World) -> None:
        if not rows:
            return
        columns = [*rows[0]]
        extra: dict[str, str] = {}
        if table in (DOCUMENTS, CHUNKS):
            extra["embedding"] = f"case when %s then {QUERY.format(1536)} end"
            extra["embedding_v2"] = f"case when %s then {QUERY.format(768)} end"
        if table == CHUNKS:
            extra["chunk_index"] = "0"
        places = ", ".join([*["%s"] * len(columns), *extra.values()])
        values: list[Any] = []
        for row in rows:
            values += row.values()
            if table in (DOCUMENTS, CHUNKS):
                values += [NAMES[row["id"]] in world.old, NAMES[row["id"]] in world.new]
        self.cursor.execute(
            f"insert into public.{table} ({', '.join([*columns, *extra])}) values"
            + ", ".join([f"({places})"] * len(rows)),
            values,
        )

    def ask(self, request: Request, statement: Statement, *, keep: bool) -> Answer:
        """What a statement of a request gives; what is refused or not kept leaves nothing."""
        sql, values = render(statement)
        self.cursor.execute(
            "savepoint statement;"
            " select set_config('request.jwt.claims', %s, true),"
            f" set_config('request.headers', %s, true); set local role {request.role}",
            (request.claims, request.headers),
        )
        try:
            self.cursor.execute(sql, values)
            answer = read(statement, self.cursor.fetchall() if self.cursor.description else [])
            if answer is None and not isinstance(statement, Call):
                answer = self.cursor.rowcount
            if keep:
                self.cursor.execute("reset role; release savepoint statement")
        except psycopg2.Error as error:
            answer, keep = Refused(str(error.pgcode)), False
        if not keep:
            self.cursor.execute("rollback to savepoint statement; release savepoint statement")
        return answer

    def rows(self) -> dict[str, dict[str, Values]]:
        """All rows that there are, as ``World.tables`` has them."""
        parts = [
            f"select '{table}', to_jsonb(row) from"
            f" (select {', '.join(columns)} from public.{table}) row"
            for table, columns in COLUMNS.items()
        ]
        self.cursor.execute("set local role service_role")
        self.cursor.execute(" union all ".join(parts))
        found: dict[str, dict[str, Values]] = {table: {} for table in COLUMNS}
        for table, row in self.cursor.fetchall():
            named = {column: _name(value) for column, value in row.items()}
            found[table][named["id"]] = named
        self.cursor.execute("reset role")
        return found


def _ids(values: Values) -> dict[str, Any]:
    """The same values with UUIDs for names."""
    return {column: _id(column, value) for column, value in values.items()}


def _id(column: str, value: Any) -> Any:
    if value is None or not (column == "id" or column.endswith(("_id", "_id_param"))):
        return value
    return IDS[value]


def _name(value: Any) -> Any:
    """The name of a UUID that has one."""
    if isinstance(value, uuid.UUID):
        value = str(value)
    return NAMES.get(value, value) if isinstance(value, str) else value


def with_names(request: Request) -> Request:
    """The same with names for UUIDs, for people."""
    texts = {}
    for part in ("claims", "headers"):
        texts[part] = getattr(request, part)
        for text, name in NAMES.items():
            texts[part] = texts[part].replace(text, name)
    return replace(request, **texts)


def render(statement: Statement) -> tuple[str, dict[str, Any]]:
    """The SQL of a statement, and what goes into its places."""
    if isinstance(statement, Call):
        return _render_call(statement)
    table = f"public.{statement.table}"
    if isinstance(statement, Insert):
        row = _ids(statement.values)
        fixed = {"chunk_index": 1} if statement.table == CHUNKS else {}
        row |= fixed
        places = ", ".join(f"%({column})s" for column in row)
        sql = f"insert into {table} ({', '.join(row)}) values ({places})"
        if statement.conflict == "update":
            text = TEXT[statement.table]
            sql += f" on conflict (id) do update set {text} = excluded.{text}"
        elif statement.conflict == "nothing":
            sql += " on conflict (id) do nothing"
        return sql + _returning(statement.returning), row
    where = {f"w_{column}": _id(column, value) for column, value in statement.where.items()}
    condition = " and ".join(f"{name[2:]} = %({name})s" for name in where) or "true"
    if isinstance(statement, Select):
        shown = "count(*)" if statement.count else "id"
        lock = " for update" if statement.lock else ""
        return f"select {shown} from {table} where {condition}{lock}", where
    if isinstance(statement, Delete):
        return f"delete from {table} where {condition}" + _returning(statement.returning), where
    changes = _ids(statement.changes)
    setting = ", ".join(f"{column} = %({column})s" for column in changes)
    sql = f"update {table} set {setting} where {condition}" + _returning(statement.returning)
    return sql, {**changes, **where}


def _returning(wanted: bool) -> str:
    return " returning id" if wanted else ""


_SHOWN = {
    "public.get_embedding_migration_progress": "table_name, total_records",
    "public.validate_workspace_data_integrity": "count(*)",
    "public.cleanup_orphaned_data": "affected_rows",
    "mivaa.active_workspace_ids": "unnest(active_workspace_ids)",
}


def _render_call(call: Call) -> tuple[str, dict[str, Any]]:
    arguments = dict(call.arguments)
    parts = []
    values: dict[str, Any] = {}
    shown = _SHOWN.get(call.function, "*")
    if "legacy" in arguments:
        parts += [f"query_embedding => {QUERY.format(768)}", "match_threshold => -1"]
        parts += ["match_count => 1000"]
        if arguments.pop("legacy"):
            parts += [f"query_embedding_legacy => {QUERY.format(1536)}"]
        shown = "id"
    for name, value in arguments.items():
        if name == "document_ids":
            parts.append(f"{name} => %({name})s::uuid[]")
            values[name] = value and [IDS[row] for row in value]
        else:
            kind = "::uuid" if name.endswith(("_id", "_id_param")) else ""
            parts.append(f"{name} => %({name})s{kind}")
            values[name] = _id(name, value)
    return f"select {shown} from {call.function}({', '.join(parts)})", values


def read(statement: Statement, rows: list[tuple[Any, ...]]) -> Answer:
    """An answer in the terms of the model; None where only the number of rows is known."""
    named = [tuple(_name(value) for value in row) for row in rows]
    if isinstance(statement, Call):
        if statement.function == "public.validate_workspace_data_integrity":
            return "answered" if named[0][0] else "empty"
        if "search" in statement.function or statement.function == "mivaa.active_workspace_ids":
            return _distinct(row[0] for row in named)
        if statement.function == "public.get_embedding_migration_progress":
            return _distinct(named)
        return named[0][0]
    if isinstance(statement, Select) and statement.count:
        return named[0][0]
    if isinstance(statement, Select) or statement.returning:
        return _distinct(row[0] for row in named)
    return None


def _distinct(values: Iterable[Any]) -> frozenset[Any]:
    found = list(values)
    assert len(found) == len(set(found)), f"something is answered twice: {found}"
    return frozenset(found)
