"""What a revision does about the SQL files: functions, triggers, policies, grants, comments."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mivaa_schema import history
from mivaa_schema.drafting import current
from mivaa_schema.drafting.compare import Difference, describe
from mivaa_schema.drafting.draft import Step, text
from mivaa_schema.drafting.errors import NotDrafted
from mivaa_schema.operations.entities import LISTS, SqlFile, comment_target

if TYPE_CHECKING:
    from mivaa_schema.drafting.draft import Draft
    from mivaa_schema.history import SchemaObject

FOLDERS = {"function": "functions", "trigger": "triggers", "policy": "policies"}


def plan_files(draft: Draft) -> list[Step]:
    """Drop what goes or has to be created again, create what comes, and say what is to be said.

    Raises:
        NotDrafted: If something has to be written by hand.
    """
    found = [d for d in draft.found if d.kind in FOLDERS]
    again = [d for d in found if d.before and d.after and must_be_recreated(d)]
    again += users_of([d for d in again if d.kind == "function"], found)
    going = [d for d in found if not d.after] + again
    coming = [d for d in found if not d.before] + again
    changed = [d for d in found if d.before and d.after and d not in again]
    lists = Lists(draft, again)
    return [
        lists.undone(),
        *(_dropped(draft, kind, going) for kind in reversed(FOLDERS)),
        *(_changed(draft, kind, changed) for kind in FOLDERS),
        *(_created(draft, kind, coming) for kind in FOLDERS),
        lists.said(),
    ]


def frozen(item: SchemaObject) -> SqlFile:
    """The newest frozen copy of a function, trigger or policy."""
    return SqlFile(history.folders()[item["defined_in"]] / item["file"])


def must_be_recreated(change: Difference) -> bool:
    """Whether CREATE OR REPLACE cannot turn the former definition into the new one."""
    if change.kind == "policy":
        return True
    if change.kind == "trigger":
        return False
    former, now = frozen(change.before or {}), SqlFile((change.after or {})["path"])
    is_incompatible = (former.entity.signature, returns(former)) != (
        now.entity.signature,
        returns(now),
    )
    if is_incompatible:
        schema, _, name = change.either["name"].partition(".")
        aliases = [o["name"] for o in history.objects("alias")]
        if schema == "mivaa" and any(a.startswith(f"auth.{name}(") for a in aliases):
            raise NotDrafted(
                item=describe(change.either),
                reason="the function of the same name in schema auth calls it; drop and create both"
                " by hand",
            )
    return is_incompatible


def returns(file: SqlFile) -> str:
    """What a function returns, as its file puts it."""
    after = file.text.partition(")")[2] if "()" in file.text.partition("\n")[0] else file.text
    match = re.search(
        r"\breturns\s+(.*?)\s+(?=language|immutable|stable|volatile|parallel|security|set|as)\b",
        after,
        re.IGNORECASE | re.DOTALL,
    )
    return " ".join(match[1].lower().split()) if match else ""


def users_of(functions: list[Difference], found: list[Difference]) -> list[Difference]:
    """Triggers and policies that name a function which has to be dropped, and are not changed."""
    calls = [f"{d.either['name']}(" for d in functions]
    now = {history.key(o): o for o in current.objects()} if calls else {}
    known = {d.key for d in found}
    return [
        Difference(item, now[history.key(item)])
        for item in (history.objects("trigger", "policy") if calls else [])
        if history.key(item) in now.keys() - known
        and any(call in frozen(item).text for call in calls)
    ]


def _dropped(draft: Draft, kind: str, going: list[Difference]) -> Step:
    those = [d for d in going if d.kind == kind]
    if not those:
        return Step()
    plural = FOLDERS[kind]
    name = _files(draft, f"DROPPED_{plural.upper()}", [d.before for d in those], older=True)
    # What lies on a table that is dropped goes with it.
    return Step([f"{_drop(kind)}(*{name})"], [f"create_{plural}(*{name})"])


def _changed(draft: Draft, kind: str, changed: list[Difference]) -> Step:
    those = [d for d in changed if d.kind == kind]
    if not those:
        return Step()
    name = f"CHANGED_{FOLDERS[kind].upper()}"
    new = _files(draft, name, [d.after for d in those])
    old = _files(draft, f"{name}_BEFORE", [d.before for d in those], older=True)
    verb = "replace_functions" if kind == "function" else "create_triggers"
    return Step([f"{verb}(*{new})"], [f"{verb}(*{old})"])


def _created(draft: Draft, kind: str, coming: list[Difference]) -> Step:
    those = [d for d in coming if d.kind == kind]
    if not those:
        return Step()
    plural = FOLDERS[kind]
    name = _files(draft, plural.upper(), [d.after for d in those])
    return Step([f"create_{plural}(*{name})"], [f"{_drop(kind)}(*{name})"])


def _drop(kind: str) -> str:
    return "drop_functions" if kind == "function" else "drop_on_tables"


def _files(
    draft: Draft, name: str, items: Iterable[SchemaObject | None], *, older: bool = False
) -> str:
    members = []
    for item in items:
        assert item is not None  # noqa: S101 - chosen for having it
        sql = draft.sql(item["defined_in"] if older else None)
        stem = item["file"].rpartition("/")[2].removesuffix(".sql")
        members.append(f"    {sql}.{item['kind']}({stem!r}),\n")
        if not older:
            draft.copied.append(item["path"])
    draft.constants[name] = "(\n" + "".join(members) + ")"
    return name


class Lists:
    """Grants and comments: what of them a revision says, and what its downgrade says again.

    A function that is created again has lost its grants and comments, a policy its comment; and a
    revoked grant may have taken what another one gives. So these are said again.
    """

    def __init__(self, draft: Draft, again: list[Difference]) -> None:
        self.draft = draft
        self.again = [d.either for d in again]
        found = [d for d in draft.found if d.kind in LISTS.values()]
        self.removed = [d.either for d in found if not d.after]
        self.new = [d.either for d in found if not d.before]
        self.created = [d.either for d in draft.found if not d.before and d.kind not in _LISTED]
        self.dropped = [d.either for d in draft.found if not d.after and d.kind not in _LISTED]

    def undone(self) -> Step:
        """Before anything else, and last in the downgrade."""
        step = Step()
        targets = {target(o) for o in self.new if o["kind"] == "comment"}
        for item in self.removed:
            name, said = _list_of(item), text(item["name"])
            if not item["name"].startswith(("grant ", "comment ")):
                raise NotDrafted(
                    item=name, reason=f"what {item['name'][:50]!r} does cannot be undone by rule"
                )
            is_gone = any(is_about(item, other) for other in self.dropped)
            is_replaced = item["kind"] == "comment" and target(item) in targets
            undo = ", undo=False" if is_gone or is_replaced else ""
            step.up.append(f"unlisted({name!r}, {said}{undo})")
        touched = {target(o) for o in (*self.new, *self.removed) if o["kind"] == "grant"}
        before = [
            item
            for item in history.objects(*LISTS.values())
            if item in self.removed
            or item["name"] in {o["name"] for o in self.removed}
            or self._is_about_again(item)
            or (item["kind"] == "grant" and target(item) in touched)
        ]
        for name in LISTS:
            if said_before := [o["name"] for o in before if _list_of(o) == name]:
                file = name.replace(".sql", "_before.sql")
                self.draft.lists[file] = said_before
                sql = self.draft.sql()
                step.down.append(f"listed({name!r}, *{sql}.statements({file!r}))")
        return step

    def said(self) -> Step:
        """After everything else, and first in the downgrade."""
        step = Step()
        revoked = {target(o) for o in self.removed if o["kind"] == "grant"}
        names = {o["name"] for o in self.new}
        now = [
            item
            for item in current.objects()
            if item["kind"] in LISTS.values()
            and (
                item["name"] in names
                or self._is_about_again(item)
                or (item["kind"] == "grant" and target(item) in revoked)
            )
        ]
        for name in LISTS:
            if said_now := [o["name"] for o in now if _list_of(o) == name]:
                self.draft.lists[name] = said_now
                step.up.append(f"{self.draft.sql()}.run_list({name!r})")
        for item in self.new:
            is_created = any(is_about(item, other) for other in self.created)
            if not is_created and item["name"].startswith(("grant ", "comment ")):
                step.down.insert(0, f"unlisted({_list_of(item)!r}, {text(item['name'])})")
        return step

    def _is_about_again(self, item: SchemaObject) -> bool:
        return any(is_about(item, other) for other in self.again)


_LISTED = frozenset(LISTS.values())


def _list_of(item: SchemaObject) -> str:
    return next(name for name, kind in LISTS.items() if kind == item["kind"])


def target(item: SchemaObject) -> str:
    """What a grant or comment is about, as it puts it."""
    if item["kind"] == "comment":
        return comment_target(item["name"])
    return " ".join(item["name"].partition(" on ")[2].rpartition(" to ")[0].split())


def is_about(said: SchemaObject, item: SchemaObject) -> bool:
    """Whether a grant or comment is about a function, a trigger, a policy or a table."""
    about = f"{target(said)} "
    if item["kind"] == "function":
        return f"function {item['name']}(" in about
    if item["kind"] == "table":
        return about.removeprefix("table ").strip() == item["name"] or about.endswith(
            f" on {item['name']} "
        )
    if item["kind"] in ("trigger", "policy"):
        return f"{item['kind']} {item['name']} on {item['table']} " in about
    return False
