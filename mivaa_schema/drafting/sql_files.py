"""What a revision has to know of SQL files: what replaces what, what uses what, what is said."""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from mivaa_schema import history
from mivaa_schema.drafting import current
from mivaa_schema.drafting.compare import Difference, describe, place
from mivaa_schema.drafting.errors import NotDrafted, SqlFileRefused
from mivaa_schema.operations.entities import LISTS, SqlFile

if TYPE_CHECKING:
    from mivaa_schema.history import Key, SchemaObject


_TABLE_PARTS = ("column", "index", "check", "exclusion")
"""Kinds of objects of the models that can call a function."""


def file_of(item: SchemaObject) -> SqlFile:
    """The current file of a function, trigger or policy, or its newest frozen copy."""
    if "path" in item:
        return SqlFile(item["path"])
    return SqlFile(history.folders()[item["defined_in"]] / item["file"])


def must_be_recreated(change: Difference) -> bool:
    """Whether CREATE OR REPLACE cannot turn the former definition into the new one.

    Raises:
        NotDrafted: If a function has to be, and one in schema ``auth`` calls it.
    """
    if change.kind != "function":
        return change.kind == "policy"
    before, after = (
        re.split(r"\blanguage\b", file_of(side or {}).text, maxsplit=1)[0].split()
        for side in (change.before, change.after)
    )
    alias = change.either["name"].replace("mivaa.", "auth.") + "("
    if before != after and any(o["name"].startswith(alias) for o in history.objects("alias")):
        raise NotDrafted(
            item=describe(change.either),
            reason="the function of the same name in schema auth calls it; drop and create both"
            " by hand",
        )
    return before != after


def users_of(found: list[Difference]) -> list[Difference]:
    """Triggers and policies that use a function which is dropped and created again."""
    again = [d for d in found if d.kind == "function" and d.before and d.after]
    calls = [f"{d.either['name']}(" for d in again if must_be_recreated(d)]
    now = {history.key(o): o for o in current.objects()} if calls else {}
    for item in current.objects() if calls else []:
        if item["kind"] in _TABLE_PARTS and any(call in str(item) for call in calls):
            raise NotDrafted(
                item=", ".join(call.removesuffix("(") for call in calls),
                reason=f"{describe(item)} calls it; drop and create both by hand",
            )
    return [
        Difference(item, now[history.key(item)])
        for item in (history.objects("trigger", "policy") if calls else [])
        if history.key(item) in now and any(call in file_of(item).text for call in calls)
    ]


def in_order(found: list[Difference]) -> list[Difference]:
    """The same differences, but each function behind those that it calls."""
    functions = {d.either["name"]: d for d in found if d.kind == "function"}
    texts = {name: file_of(d.either).text for name, d in functions.items()}
    called = {n: {o for o in texts if o != n and f"{o}(" in texts[n]} for n in texts}
    try:
        names = list(TopologicalSorter(called).static_order())
    except CycleError:
        names = list(functions)
    return [functions[name] for name in names] + [d for d in found if d.kind != "function"]


_SUBJECT = re.compile(
    r"\bon (?:(function) ([^\s(]+)\(|(trigger|policy) (\"[^\"]+\"|\S+) on (\S+)"
    r"|(?:(table) )?([\w\"]+\.[\w\"]+) (?:to|is) )"
)


def subject(said: SchemaObject) -> Key:
    """What a grant or comment is about: the key of an object, or its own words for others."""
    text = " ".join(said["name"].split())
    if match := _SUBJECT.search(text):
        function, called, on_table, name, table, _, relation = match.groups()
        found = (
            ("function", "", called)
            if function
            else (on_table, table, name)
            if on_table
            else ("table", "", relation)
        )
        kind, table, name = (part.replace('"', "") for part in found)
        return kind, table, name
    return "other", "", text.partition(" on ")[2].partition(" is ")[0].rpartition(" to ")[0]


def refuse_dangling() -> None:
    """Refuse grants and comments about what has no file, and files that use such a function.

    Raises:
        SqlFileRefused: With the file and the line.
    """
    items = current.objects()
    known = {history.key(o) for o in items}
    of_history = {history.key(o) for o in history.objects()}
    for item in items:
        about = subject(item) if item["kind"] in LISTS.values() else ("other", "", "")
        if about[0] != "other" and about not in known:
            thing = "model" if about[0] == "table" else "file"
            raise SqlFileRefused(
                path=f"{item['path']}:{item['line']}",
                detail=f"it speaks of {shown(about)}, for which there is no {thing}.",
            )
    gone = [name for kind, _, name in of_history - known if kind == "function"]
    for item in (o for o in items if o["kind"] in ("trigger", "policy", *_TABLE_PARTS)):
        words = file_of(item).text if "file" in item else str(item)
        for name in (name for name in gone if f"{name}(" in words):
            detail = f"it calls function {name}, for which there is no file any more."
            raise SqlFileRefused(path=place(item), detail=detail)


def shown(key: Key) -> str:
    """A key in words."""
    return describe(dict(zip(("kind", "table", "name"), key, strict=True)))
