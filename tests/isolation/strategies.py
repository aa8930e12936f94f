"""Random worlds, requests and statements; small, so that they often use the same rows."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from hypothesis import strategies as st

from fixtures.people import INACTIVE, ROLES, named
from isolation.oracle import World
from isolation.statements import (
    CHUNKS,
    CONTENT_TABLES,
    DOCUMENTS,
    EXTRACTS,
    MEMBERS,
    PDFS,
    TEXT,
    WORKSPACES,
    Call,
    Delete,
    Insert,
    Request,
    Select,
    Step,
    Update,
)

USERS = ("ada", "ben", "cleo")
GHOST = "ghost"
"""Somebody who has a token, and whom the platform does not know."""
WORKSPACE_NAMES = ("A", "B")
NOWHERE = "nowhere"
"""A workspace that does not exist."""
ME = "me"
"""In a statement: the user who asks, whoever that is."""
HERE = "here"
"""In a statement: the workspace of the request, whichever that is."""
LIMBO = "limbo"
"""Whose rows have no workspace, as only adopted tables have them."""
UNKNOWN_ROLE = "emperor"

STATUSES = ("active", "published", "draft", "deleted")
NEW_ROWS = ("first new", "second new")


def row_name(table: str, of: str, workspace: str) -> str:
    return f"{table} of {of} in {workspace}"


def membership_name(user: str, workspace: str) -> str:
    return f"{user} in {workspace}"


OWNERS = ("ada", "ben")
"""Who has rows in each workspace: members or not, now or ever."""

ROWS = {
    table: (
        *(row_name(table, of, at) for at in WORKSPACE_NAMES for of in OWNERS),
        row_name(table, LIMBO, LIMBO),
    )
    for table in CONTENT_TABLES
}
MEMBERSHIPS = tuple(membership_name(u, w) for u in USERS for w in WORKSPACE_NAMES)
ROWS |= {WORKSPACES: WORKSPACE_NAMES, MEMBERS: MEMBERSHIPS}

IDS = {
    name: str(named(name))
    for name in (
        *USERS,
        LIMBO,
        GHOST,
        NOWHERE,
        *NEW_ROWS,
        *(row for rows in ROWS.values() for row in rows),
    )
}
"""The UUID of everything that has a name."""
NAMES = {text: name for name, text in IDS.items()}


def id_of(name: str) -> uuid.UUID:
    return uuid.UUID(IDS[name])


def name_of(text: str) -> str:
    return NAMES[text]


def choices(build: Callable[..., Any], **options: Sequence[Any]) -> st.SearchStrategy[Any]:
    """What ``build`` makes of one option of each kind.

    It is drawn as a single number, which is several times as fast as one draw an option; the
    first options are the simplest.
    """
    sizes = [len(option) for option in options.values()]

    def split(number: int) -> Any:
        chosen = {}
        for name, option in options.items():
            number, place = divmod(number, len(option))
            chosen[name] = option[place]
        return build(**chosen)

    return st.integers(0, math.prod(sizes) - 1).map(split)


# Worlds

_membership = st.sampled_from(
    (
        *((role, "active") for role in ("editor", "admin", "owner", "viewer", "member") * 2),
        (UNKNOWN_ROLE, "active"),
        *(("owner", status) for status in INACTIVE),
        None,
        None,
    )
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Two workspaces with rows of the same people, and memberships of any kind."""
    memberships = draw(st.tuples(*(_membership for _ in MEMBERSHIPS)))
    statuses = draw(st.tuples(*(st.sampled_from(STATUSES) for _ in ROWS[DOCUMENTS])))
    embedded = [*ROWS[DOCUMENTS], *ROWS[CHUNKS]]
    world = World(
        users=frozenset((*USERS, LIMBO)),
        tables={table: {} for table in ROWS},
        old=frozenset(draw(st.sets(st.sampled_from(embedded)))),
        new=frozenset(draw(st.sets(st.sampled_from(embedded)))),
    )
    for name in WORKSPACE_NAMES:
        world.tables[WORKSPACES][name] = {"id": name, "name": "as it was"}
    for name, membership in zip(MEMBERSHIPS, memberships, strict=True):
        if membership:
            user, _, workspace = name.partition(" in ")
            role, status = membership
            world.tables[MEMBERS][name] = {
                "id": name,
                "workspace_id": workspace,
                "user_id": user,
                "role": role,
                "status": status,
            }
    owners = [(of, at) for at in WORKSPACE_NAMES for of in OWNERS]
    for (of, at), status in zip([*owners, (LIMBO, LIMBO)], statuses, strict=True):
        _add_rows(world, of, at, status)
    return world


def _add_rows(world: World, of: str, at: str, status: str) -> None:
    """A document, its chunk, a PDF, and what was extracted from it: linked for one owner only."""
    ids = {table: row_name(table, of, at) for table in CONTENT_TABLES}
    workspace = None if at == LIMBO else at
    own = {"workspace_id": workspace, "user_id": of}
    text = "as it was"
    linked = of == OWNERS[0]
    world.tables[DOCUMENTS][ids[DOCUMENTS]] = {
        "id": ids[DOCUMENTS], **own, "content": text, "status": status,
    }  # fmt: skip
    world.tables[CHUNKS][ids[CHUNKS]] = {
        "id": ids[CHUNKS], "workspace_id": workspace, "document_id": ids[DOCUMENTS],
        "content": text,
    }  # fmt: skip
    world.tables[PDFS][ids[PDFS]] = {"id": ids[PDFS], **own, "filename": text}
    world.tables[EXTRACTS][ids[EXTRACTS]] = {
        "id": ids[EXTRACTS], **own, "content": text,
        "document_id": ids[DOCUMENTS] if linked else None,
        "pdf_document_id": ids[PDFS] if linked else None,
    }  # fmt: skip


# Requests

_SUBJECTS = (
    *[IDS[user] for user in USERS] * 10,
    IDS["ada"].upper(),
    *(IDS[GHOST], "no uuid", "", None, 7, [IDS["ada"]]),
)
_RUBBISH = ("", "no uuid", 7, None, [IDS["A"]], {"id": IDS["A"]}, IDS["A"][:-1], IDS["A"] + " ")
_CHOICES = (
    *[IDS[name] for name in WORKSPACE_NAMES] * 12,
    *(IDS["A"].upper(), IDS[NOWHERE]),
    *_RUBBISH,
)
_ABSENT = object()
_FORGED = (
    *[{}] * 12,
    {"role": "service_role"},
    {"role": "postgres", "app_metadata": {"role": "owner"}},
    {"user_role": "owner", "workspace_role": "owner", "is_super_admin": True},
    {"app_metadata": "text", "user_metadata": [IDS["B"]]},
)
_HEADERS = (
    *[""] * 20,
    *[{"x-workspace-id": IDS[name]} for name in WORKSPACE_NAMES] * 3,
    *({"x-workspace-id": text} for text in (IDS["A"].upper(), IDS[NOWHERE], "", "no uuid")),
    *({"accept": "*/*"}, "{", "[]"),
)
_TOKENS = ("", "{", "[]", "null", '"x"')
"""In place of a token, now and then."""


def _request(
    role: str, subject: Any, top: Any, app: Any, user: Any, forged: Any, header: Any, token: Any
) -> Request:
    claims: dict[str, Any] = {"sub": subject, "role": "authenticated"}
    for place, choice in (("app_metadata", app), ("user_metadata", user)):
        if choice is not _ABSENT:
            claims[place] = {"workspace_id": choice}
    if top is not _ABSENT:
        claims["workspace_id"] = top
    text = json.dumps(claims | forged) if token is None else token
    return Request(role, text, header if isinstance(header, str) else json.dumps(header))


_REQUESTS = choices(
    _request,
    role=(*["authenticated"] * 10, "service_role", "anon"),
    subject=_SUBJECTS,
    top=(*[_ABSENT] * len(_CHOICES), *_CHOICES),
    app=(*[_ABSENT] * 2 * len(_CHOICES), *_CHOICES),
    user=(*[_ABSENT] * 2 * len(_CHOICES), *_CHOICES),
    forged=_FORGED,
    header=_HEADERS,
    token=(*[None] * 20 * len(_TOKENS), *_TOKENS),
)


def requests() -> st.SearchStrategy[Request]:
    """Requests of users most of the time; each can be true, mistaken, malformed or forged."""
    return _REQUESTS


# Statements

_TABLES = (*CONTENT_TABLES * 4, WORKSPACES, MEMBERS)
_WORKSPACES = (*[HERE] * 4, *WORKSPACE_NAMES, NOWHERE, None)
_OWNERS = (*[ME] * 8, *USERS, GHOST, None)
_USERS = (ME, *USERS, LIMBO, GHOST, None)
_PARENTS = {
    "document_id": (*ROWS[DOCUMENTS], NEW_ROWS[0], None),
    "pdf_document_id": (*ROWS[PDFS], NEW_ROWS[0], None),
}
_BOOLEANS = (False, True)


def _wheres(table: str, broad: int) -> tuple[dict[str, str], ...]:
    """A row, whether the one who asks knows of it or guesses; the rows of a workspace; or all."""
    rows = tuple({"id": name} for name in (*ROWS[table], *NEW_ROWS))
    all_of_it = (
        ({},) if table == WORKSPACES else ({}, {"workspace_id": HERE}, {"workspace_id": "B"})
    )
    return (*rows, *all_of_it * broad)


def _of_each(make: Callable[[str], st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """A statement about one of the tables, the four that hold documents most of the time."""
    strategies = {table: make(table) for table in dict.fromkeys(_TABLES)}
    return st.sampled_from(_TABLES).flatmap(strategies.__getitem__)


def selects() -> st.SearchStrategy[Select]:
    return _of_each(
        lambda table: choices(
            lambda kind, where: Select(table, where, count=kind == "count", lock=kind == "lock"),
            kind=("ids", "ids", "count", "lock"),
            where=_wheres(table, broad=4),
        )
    )


def inserts() -> st.SearchStrategy[Insert]:
    def of(table: str) -> st.SearchStrategy[Insert]:
        options: dict[str, Sequence[Any]] = {"id": (*NEW_ROWS * 10, *ROWS[table])}
        if table == MEMBERS:
            options |= {"workspace_id": (*WORKSPACE_NAMES, NOWHERE), "user_id": (*USERS, GHOST)}
            options |= {"role": ("owner",), "status": ("active",)}
        elif table == WORKSPACES:
            options["name"] = ("new",)
        else:
            options |= {"workspace_id": _WORKSPACES, TEXT[table]: ("new",)}
        if table in (DOCUMENTS, PDFS, EXTRACTS):
            options["user_id"] = _OWNERS
        if table == DOCUMENTS:
            options["status"] = STATUSES
        if table == CHUNKS:
            options["document_id"] = _PARENTS["document_id"]
        if table == EXTRACTS:
            options |= {key: (*[None] * 10, *parents) for key, parents in _PARENTS.items()}
        return choices(
            lambda conflict, returning, **values: Insert(table, values, conflict, returning),
            conflict=(None,) if table == MEMBERS else (None, None, "update", "nothing"),
            returning=_BOOLEANS,
            **options,
        )

    return _of_each(of)


def _changes(table: str) -> list[dict[str, Any]]:
    """An edit, another owner, another workspace, another parent."""
    if table == MEMBERS:
        return [{"status": "removed"}, {"role": "owner"}]
    edit = {TEXT[table]: "changed"}
    changes: list[dict[str, Any]] = [edit] * (4 if table in CONTENT_TABLES else 1)
    if table in CONTENT_TABLES:
        changes += [{"workspace_id": name} for name in (*WORKSPACE_NAMES, NOWHERE, None)]
    if table in (DOCUMENTS, PDFS, EXTRACTS):
        changes += [{"user_id": name} for name in _USERS]
        changes += [{"user_id": "ben", **edit}]
    if table in (CHUNKS, EXTRACTS):
        changes += [{"document_id": name} for name in _PARENTS["document_id"]]
    if table == EXTRACTS:
        changes += [{"pdf_document_id": name} for name in _PARENTS["pdf_document_id"]]
    if table == CHUNKS:
        changes += [
            {"workspace_id": workspace, "document_id": document}
            for workspace in (*WORKSPACE_NAMES, None)
            for document in _PARENTS["document_id"]
        ]
    if table == DOCUMENTS:
        changes += [{"status": status} for status in STATUSES]
    return changes


def updates() -> st.SearchStrategy[Update]:
    return _of_each(
        lambda table: choices(
            lambda **options: Update(table, **options),
            changes=_changes(table),
            where=_wheres(table, broad=2),
            returning=_BOOLEANS,
        )
    )


def deletes() -> st.SearchStrategy[Delete]:
    return _of_each(
        lambda table: choices(
            lambda **options: Delete(table, **options),
            where=_wheres(table, broad=1),
            returning=_BOOLEANS,
        )
    )


_ARGUMENTS: dict[str, dict[str, Sequence[Any]]] = {
    "mivaa.user_id": {},
    "mivaa.get_workspace_id": {},
    "mivaa.get_user_role": {},
    "mivaa.has_permission": {
        "permission_name": ("read", "write", "delete", "manage_documents", "rule")
    },
    "mivaa.is_colleague": {"colleague_id": _USERS},
    "mivaa.active_workspace_ids": {},
    "public.search_documents_hybrid": {"workspace_id_param": _WORKSPACES, "legacy": _BOOLEANS},
    "public.search_document_chunks_hybrid": {
        "workspace_id_param": _WORKSPACES,
        "legacy": _BOOLEANS,
        "document_ids": (*[None] * 5, *((name,) for name in ROWS[DOCUMENTS])),
    },
    "public.get_embedding_migration_progress": {},
    "public.validate_workspace_data_integrity": {"workspace_id_param": _WORKSPACES},
    "public.cleanup_orphaned_data": {"workspace_id_param": _WORKSPACES, "dry_run": _BOOLEANS},
}
"""The functions that are called, and what is passed."""

FUNCTIONS = tuple(_ARGUMENTS)


def _call(function: str, **arguments: Any) -> Call:
    return Call(function, arguments)


_CALLS = {
    function: choices(partial(_call, function), **arguments)
    for function, arguments in _ARGUMENTS.items()
}


def calls() -> st.SearchStrategy[Call]:
    return st.sampled_from(FUNCTIONS).flatmap(_CALLS.__getitem__)


def revocations() -> st.SearchStrategy[Update | Delete]:
    """What service_role does to memberships while others use them."""
    changes = (
        *({"status": status} for status in ("active", *INACTIVE)),
        *({"role": role} for role in (*ROLES, UNKNOWN_ROLE)),
        None,
    )
    return choices(
        lambda change, name: (
            Update(MEMBERS, change, {"id": name}) if change else Delete(MEMBERS, {"id": name})
        ),
        change=changes,
        name=MEMBERSHIPS,
    )


MOST_REQUESTS = 8
_STATEMENTS = (
    *[selects()] * 3,
    *[calls()] * 4,
    *[inserts()] * 4,
    *[updates()] * 4,
    *[deletes()] * 2,
)


def steps() -> st.SearchStrategy[Step]:
    """What everybody tries; or, now and then, a change of a membership."""
    by = st.integers(0, MOST_REQUESTS - 1)
    tried = [st.builds(Step, statement, by) for statement in _STATEMENTS]
    strategies = [*tried, *[st.builds(Step, revocations(), st.none())] * 3]
    return st.integers(0, len(strategies) - 1).flatmap(strategies.__getitem__)


@dataclass(frozen=True)
class Story:
    """A world, the requests that work on it at the same time, and what they try in turn."""

    world: World
    requests: list[Request]
    steps: list[Step]


def stories() -> st.SearchStrategy[Story]:
    return st.builds(Story, worlds(), several(requests(), MOST_REQUESTS), several(steps(), 24))


def several(strategy: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[list[Any]]:
    """Lists of all lengths alike; ``st.lists`` alone favours short ones."""
    return st.integers(1, most).flatmap(
        lambda length: st.lists(strategy, min_size=length, max_size=length)
    )


def resolved(statement: Any, me: str | None, here: str | None) -> Any:
    """The statement with names for ``ME`` and ``HERE``; of a request without them, any names."""
    meant = {ME: me or GHOST, HERE: here or WORKSPACE_NAMES[0]}

    def fill(values: Any) -> Any:
        return {
            column: meant.get(value, value) if isinstance(value, str) else value
            for column, value in values.items()
        }

    parts = {
        name: fill(getattr(statement, name))
        for name in ("values", "changes", "where", "arguments")
        if hasattr(statement, name)
    }
    return replace(statement, **parts)
