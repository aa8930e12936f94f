"""The checks as one block of a script, which stops it before anything is changed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from mivaa_schema.preflight import (
    FOLDER,
    FOUND,
    PROBED,
    STATE,
    VALUES,
    Query,
    expected_objects,
    queries,
)

_COLLECT = """\
v_findings := v_findings || (
select coalesce(jsonb_agg(to_jsonb(f) order by f.object, f.found), '[]') from (
{query}
) f (object, found, expected, remedy))"""


def render(*, lock_members: bool) -> str:
    """The block; what a check reads as a value is one of its variables."""
    objects = expected_objects()
    given = {
        "objects": _literal("[\n" + ",\n".join(map(json.dumps, objects)) + "\n]"),
        "lock_members": str(lock_members).lower(),
        "is_script": "true",
        **{name: _literal(value) for name, value in FOUND.items()},
    }
    state = {query.name: query for query in queries("state", objects)}
    probes = state["index_probes"]
    parts = {
        "declarations": "\n".join(f"  v_{n} {t} := {given[n]};" for n, t in VALUES.items()),
        "state": "\n\n".join(
            _statement(state[name], f"v_{name} := (\n{{query}})") for name in STATE
        ),
        "probes": probes.filled(_value(probes), "%"),
        "probed": PROBED,
        "checks": "\n\n".join(_statement(query, _COLLECT) for query in queries("errors", objects)),
    }
    text = (FOLDER / "script.sql").read_text(encoding="utf-8").strip()
    body = re.sub(r"\{(\w+)\}", lambda found: parts[found[1]], text)
    tag = "$mivaa$"
    while tag in body:
        tag = f"{tag[:-1]}_$"
    return f"do {tag}\n{body}\n{tag}"


def _statement(query: Query, around: str) -> str:
    statement = around.replace("{query}", query.filled(_value(query), "%"))
    if query.needs:
        statement = f"if v_readable @> {_literal(query.needs)} then {statement}; end if"
    return f"-- {query.purpose}\n{statement};"


def _value(query: Query) -> Callable[[str], str]:
    return lambda name: f"v_{name}" if name in VALUES else _literal(query.item[name])


def _literal(value: str | list[str]) -> str:
    if isinstance(value, list):
        return f"array[{', '.join(map(_literal, value))}]::text[]"
    return "'" + value.replace("'", "''") + "'"
