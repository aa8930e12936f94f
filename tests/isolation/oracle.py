"""A model of isolation in plain Python: who is asking, and what they may see and change.

It is written from the rules of the project (docs/permission-matrix.md), never from the
SQL: the two are compared, so neither may know the other. Errors are told by their SQLSTATE:

- 42501: the one who asks may not do this
- 23502: a row would have no workspace, or no document
- 23503: a key would point at nothing, or into another workspace
- 23505: the id is taken
- 22004: a role that sees everything did not say which workspace it means
- 22023: an argument that can have no answer
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from isolation.statements import (
    CHUNKS,
    COLUMNS,
    CONTENT_TABLES,
    DOCUMENTS,
    EXTRACTS,
    MEMBERS,
    PDFS,
    TEXT,
    WORKSPACES,
    Answer,
    Call,
    Delete,
    Insert,
    Refused,
    Request,
    Select,
    Statement,
    Update,
    Values,
    Write,
)

PERMISSIONS = {
    "owner": {"read", "write", "delete", "manage_documents"},
    "admin": {"read", "write", "delete", "manage_documents"},
    "editor": {"read", "write", "manage_documents"},
    "viewer": {"read"},
    "member": {"read"},
}
KNOWN_PERMISSIONS = {"read", "write", "delete", "manage_documents"}
SEARCHABLE = ("active", "published")


class RefusalError(Exception):
    """A statement that is an error."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


@dataclass(repr=False)
class World:
    """All rows, by table and id; and which documents and chunks have which embedding."""

    users: frozenset[str]
    tables: dict[str, dict[str, Values]]
    old: frozenset[str] = frozenset()
    """Ids of rows with a legacy embedding."""
    new: frozenset[str] = frozenset()
    """Ids of rows with an embedding of 768 dimensions."""

    def __repr__(self) -> str:
        """Who is a member of what, and how documents are; the other rows are always the same."""
        members = (f"{n}: {r['status']} {r['role']}" for n, r in self.tables[MEMBERS].items())
        statuses = (f"{n}: {r['status']}" for n, r in self.tables[DOCUMENTS].items())
        return (
            f"World({'; '.join((*members, *statuses))}; v1: {set(self.old)}; v2: {set(self.new)})"
        )

    def copy(self) -> World:
        return replace(self, tables={name: dict(rows) for name, rows in self.tables.items()})

    def rows(self, table: str, **where: Any) -> list[Values]:
        return [row for row in self.tables[table].values() if matches(row, where)]


def matches(row: Values, where: Values) -> bool:
    """Whether a row meets the conditions of a WHERE; null equals nothing."""
    return all(row[column] == value is not None for column, value in where.items())


# Who is asking


def uuid_in(value: Any) -> str | None:
    """A UUID in its usual form, in lower case; None for anything else."""
    if isinstance(value, str) and re.fullmatch(
        r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value
    ):
        return value.lower()
    return None


def object_in(text: str) -> Mapping[str, Any]:
    """A JSON object; an empty one for anything else."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def member_of(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


@dataclass(frozen=True)
class Asker:
    """Who a request is, in the world as it is now.

    Attributes:
        world: All rows.
        request: Role, claims and headers.
        name_of: The name of what has this UUID; None where nothing has it.
    """

    world: World
    request: Request
    name_of: Callable[[str], str | None] = field(repr=False)

    @cached_property
    def is_anonymous(self) -> bool:
        return self.request.role == "anon"

    @cached_property
    def sees_all(self) -> bool:
        return self.request.role == "service_role"

    @cached_property
    def user(self) -> str | None:
        """The subject of the token; a malformed one is nobody."""
        subject = uuid_in(object_in(self.request.claims).get("sub"))
        return self.name_of(subject) if subject else None

    @cached_property
    def active(self) -> dict[str, str]:
        """The workspaces in which the user is an active member, and the role in each."""
        if self.user is None:
            return {}
        rows = self.world.rows(MEMBERS, user_id=self.user, status="active")
        return {row["workspace_id"]: row["role"] for row in rows}

    @cached_property
    def workspace(self) -> str | None:
        """The first choice that is present decides; without one, the only membership does."""
        headers = object_in(self.request.headers)
        if "x-workspace-id" in headers:
            return self._active_in(uuid_in(headers["x-workspace-id"]))
        claims = object_in(self.request.claims)
        for holder in (claims, claims.get("app_metadata"), claims.get("user_metadata")):
            choice = uuid_in(member_of(holder, "workspace_id"))
            if choice:
                return self._active_in(choice)
        return next(iter(self.active)) if len(self.active) == 1 else None

    def _active_in(self, choice: str | None) -> str | None:
        name = self.name_of(choice) if choice else None
        return name if name in self.active else None

    @cached_property
    def member_role(self) -> str | None:
        return self.active.get(self.workspace) if self.workspace else None

    def may(self, permission: str) -> bool:
        return permission in PERMISSIONS.get(str(self.member_role), set())

    # What the one who asks may see and change

    def sees(self, table: str, row: Values) -> bool:
        if self.sees_all:
            return True
        if table == WORKSPACES:
            return row["id"] in self.active
        if table == MEMBERS:
            return self.user is not None and row["user_id"] == self.user
        return (
            self.workspace is not None
            and row["workspace_id"] == self.workspace
            and self.may("read")
        )

    def manages(self, row: Values, permission: str) -> bool:
        """The rule of UPDATE and DELETE for rows that are seen."""
        own = row.get("user_id") is not None and row.get("user_id") == self.user
        return self.sees_all or self.may("manage_documents") or (self.may(permission) and own)

    def admit(self, table: str, *, reading: bool = False) -> None:
        """Refuse who has no privilege on the table at all."""
        if self.is_anonymous or not (self.sees_all or reading or table in CONTENT_TABLES):
            raise RefusalError("42501")

    def is_colleague(self, user: str | None) -> bool:
        return self.workspace is not None and any(
            self.world.rows(MEMBERS, workspace_id=self.workspace, user_id=user, status="active")
        )


# What a statement does


def answer(asker: Asker, statement: Statement) -> tuple[Answer, World]:
    """What a statement gives, and the world after it; a refusal leaves the world as it was."""
    try:
        if isinstance(statement, Select):
            return _select(asker, statement), asker.world
        if isinstance(statement, Call):
            return _CALLS[statement.function](asker, statement.arguments), asker.world
        return _write(asker, statement)
    except RefusalError as refusal:
        return Refused(refusal.state), asker.world


def _select(asker: Asker, statement: Select) -> Answer:
    asker.admit(statement.table, reading=not statement.lock)
    found = frozenset(
        row["id"]
        for row in asker.world.rows(statement.table, **statement.where)
        if asker.sees(statement.table, row) and (not statement.lock or asker.manages(row, "write"))
    )
    return len(found) if statement.count else found


def _write(asker: Asker, statement: Write) -> tuple[Answer, World]:
    asker.admit(statement.table)
    after = asker.world.copy()
    if isinstance(statement, Insert):
        touched = _insert(asker, statement, after)
    elif isinstance(statement, Update):
        touched = _update(asker, statement, after)
    else:
        touched = _delete(asker, statement, after)
    _follow(asker.world, after)
    _check_keys(asker.world, after)
    return touched if statement.returning else len(touched), after


def _insert(asker: Asker, statement: Insert, after: World) -> frozenset[str]:
    table = statement.table
    row = {column: statement.values.get(column) for column in COLUMNS[table]}
    identity = str(row["id"])
    _complete(asker, table, row, {})
    if not asker.sees_all and not (
        row["workspace_id"] == asker.workspace
        and asker.may("write")
        and (table == CHUNKS or row["user_id"] == asker.user)
    ):
        raise RefusalError("42501")
    if table == CHUNKS and row["document_id"] is None:
        raise RefusalError("23502")
    taken = after.tables[table].get(identity)
    if taken is None:
        if table == MEMBERS and after.rows(
            MEMBERS, workspace_id=row["workspace_id"], user_id=row["user_id"]
        ):
            raise RefusalError("23505")
        after.tables[table][identity] = row
        after.old, after.new = after.old - {identity}, after.new - {identity}
        return frozenset({identity})
    if statement.conflict == "update":
        # Unlike a plain UPDATE, this one cannot pass over a row in silence.
        if not (asker.sees(table, taken) and asker.manages(taken, "write")):
            raise RefusalError("42501")
        after.tables[table][identity] = {**taken, TEXT[table]: row[TEXT[table]]}
        return frozenset({identity})
    if statement.conflict == "nothing":
        return frozenset()
    raise RefusalError("23505")


def _update(asker: Asker, statement: Update, after: World) -> frozenset[str]:
    table, changes = statement.table, statement.changes
    targets = _targets(asker, table, statement.where, "write")
    for before in targets:
        row = {**before, **changes}
        _complete(asker, table, row, before)
        if not asker.sees_all:
            to = row.get("user_id")
            if to is not None and to != before.get("user_id") and not asker.is_colleague(to):
                raise RefusalError("42501")
            if not (asker.sees(table, row) and asker.manages(row, "write")):
                raise RefusalError("42501")
        if table == CHUNKS and row["document_id"] is None:
            raise RefusalError("23502")
        after.tables[table][row["id"]] = row
    return frozenset(row["id"] for row in targets)


def _delete(asker: Asker, statement: Delete, after: World) -> frozenset[str]:
    targets = _targets(asker, statement.table, statement.where, "delete")
    for row in targets:
        del after.tables[statement.table][row["id"]]
    return frozenset(row["id"] for row in targets)


def _targets(asker: Asker, table: str, where: Values, permission: str) -> list[Values]:
    """The rows that an UPDATE or DELETE reaches; it passes over the others in silence."""
    return [
        row
        for row in asker.world.rows(table, **where)
        if asker.sees(table, row) and asker.manages(row, permission)
    ]


def _complete(asker: Asker, table: str, row: dict[str, Any], before: Values) -> None:
    """Every row has a workspace; a chunk that does not say which has that of its document."""
    if table not in CONTENT_TABLES:
        return
    if table == CHUNKS:
        stays = before and row["workspace_id"] == before["workspace_id"]
        goes_along = stays and row["document_id"] != before["document_id"]
        if row["workspace_id"] is None or goes_along:
            if before and not goes_along and before["workspace_id"] is None:
                return
            document = asker.world.tables[DOCUMENTS].get(row["document_id"])
            seen = document is not None and asker.sees(DOCUMENTS, document)
            row["workspace_id"] = document["workspace_id"] if document and seen else None
    elif before and before["workspace_id"] is None:
        return  # an old row of an adopted table can be edited as it is
    if row["workspace_id"] is None:
        raise RefusalError("23502")


# What keys do, whoever asks


def _key(row: Values, column: str) -> tuple[str, str] | None:
    """What a row points at: a workspace and an id in it; None where one of them is missing."""
    if row["workspace_id"] is None or row[column] is None:
        return None
    return row["workspace_id"], row[column]


_LINKS = (
    (CHUNKS, "document_id", DOCUMENTS),
    (EXTRACTS, "document_id", DOCUMENTS),
    (EXTRACTS, "pdf_document_id", PDFS),
)


def _follow(before: World, after: World) -> None:
    """Rows go with their workspace; chunks go with their document, also into another workspace."""
    gone = before.tables[WORKSPACES].keys() - after.tables[WORKSPACES].keys()
    for table in (MEMBERS, *CONTENT_TABLES):
        for row in after.rows(table):
            if row["workspace_id"] in gone:
                del after.tables[table][row["id"]]
    for table, column, parents in _LINKS:
        for row in after.rows(table):
            key = _key(row, column)
            was = before.tables[parents].get(row[column])
            if key is None or was is None or was["workspace_id"] != row["workspace_id"]:
                continue
            now = after.tables[parents].get(row[column])
            if now is not None:
                after.tables[table][row["id"]] = {**row, "workspace_id": now["workspace_id"]}
            elif table == CHUNKS:
                del after.tables[table][row["id"]]
            else:
                after.tables[table][row["id"]] = {**row, column: None}


def _check_keys(before: World, after: World) -> None:
    """A row that was written points at what exists, and never into another workspace."""
    for table in (MEMBERS, *CONTENT_TABLES):
        for row in after.rows(table):
            if row == before.tables[table].get(row["id"]):
                continue
            if row["workspace_id"] not in {None, *after.tables[WORKSPACES]}:
                raise RefusalError("23503")
            if row.get("user_id") not in {None, *after.users}:
                raise RefusalError("23503")
    for table, column, parents in _LINKS:
        for row in after.rows(table):
            if row == before.tables[table].get(row["id"]):
                continue
            key = _key(row, column)
            parent = after.tables[parents].get(row[column])
            if key and (parent is None or parent["workspace_id"] != row["workspace_id"]):
                raise RefusalError("23503")


# What functions give


def _entitled(asker: Asker, named: str | None, permission: str) -> str:
    """The workspace that a function works on; another than that of the request is refused."""
    if asker.is_anonymous:
        raise RefusalError("42501")
    if asker.sees_all:
        if named is None:
            raise RefusalError("22004")
        return named
    if asker.workspace is None or named not in (None, asker.workspace):
        raise RefusalError("42501")
    if not asker.may(permission):
        raise RefusalError("42501")
    return asker.workspace


def _existing(asker: Asker, named: str | None, permission: str) -> str:
    workspace = _entitled(asker, named, permission)
    if workspace not in asker.world.tables[WORKSPACES]:
        raise RefusalError("22023")
    return workspace


def _helper(give: Callable[[Asker, Values], Answer]) -> Callable[[Asker, Values], Answer]:
    def call(asker: Asker, arguments: Values) -> Answer:
        if asker.is_anonymous:
            raise RefusalError("42501")
        return give(asker, arguments)

    return call


def _has_permission(asker: Asker, arguments: Values) -> bool:
    if arguments["permission_name"] not in KNOWN_PERMISSIONS:
        raise RefusalError("22023")
    return asker.may(arguments["permission_name"])


def _found(asker: Asker, arguments: Values) -> Callable[[str], bool]:
    """Whether a row has an embedding that the query can be compared with."""
    world = asker.world
    ids = world.new | world.old if arguments["legacy"] else world.new
    return ids.__contains__


def _search_documents(asker: Asker, arguments: Values) -> frozenset[str]:
    workspace = _entitled(asker, arguments["workspace_id_param"], "read")
    found = _found(asker, arguments)
    return frozenset(
        row["id"]
        for row in asker.world.rows(DOCUMENTS, workspace_id=workspace)
        if row["status"] in SEARCHABLE and found(row["id"])
    )


def _search_chunks(asker: Asker, arguments: Values) -> frozenset[str]:
    workspace = _entitled(asker, arguments["workspace_id_param"], "read")
    found = _found(asker, arguments)
    wanted = arguments["document_ids"]
    documents = asker.world.tables[DOCUMENTS]
    return frozenset(
        row["id"]
        for row in asker.world.rows(CHUNKS, workspace_id=workspace)
        if documents[row["document_id"]]["status"] in SEARCHABLE
        and found(row["id"])
        and (wanted is None or row["document_id"] in wanted)
    )


def _progress(asker: Asker, arguments: Values) -> frozenset[tuple[str, int]]:
    """How many rows there are: in the own workspace, or everywhere for a role that sees all."""
    where = {} if asker.sees_all else {"workspace_id": _entitled(asker, None, "read")}
    return frozenset((name, len(asker.world.rows(name, **where))) for name in (DOCUMENTS, CHUNKS))


def _validate(asker: Asker, arguments: Values) -> str:
    _existing(asker, arguments["workspace_id_param"], "read")
    return "answered"


def _clean_up(asker: Asker, arguments: Values) -> int:
    """The number of orphans that it finds; keys see to it that there is none."""
    _existing(asker, arguments["workspace_id_param"], "manage_documents")
    return 0


_CALLS: dict[str, Callable[[Asker, Values], Answer]] = {
    "mivaa.user_id": _helper(lambda asker, _: asker.user),
    "mivaa.get_workspace_id": _helper(lambda asker, _: asker.workspace),
    "mivaa.get_user_role": _helper(lambda asker, _: asker.member_role),
    "mivaa.has_permission": _helper(_has_permission),
    "mivaa.is_colleague": _helper(lambda asker, a: asker.is_colleague(a["colleague_id"])),
    "mivaa.active_workspace_ids": _helper(lambda asker, _: frozenset(asker.active)),
    "public.search_documents_hybrid": _search_documents,
    "public.search_document_chunks_hybrid": _search_chunks,
    "public.get_embedding_migration_progress": _helper(_progress),
    "public.validate_workspace_data_integrity": _validate,
    "public.cleanup_orphaned_data": _clean_up,
}
