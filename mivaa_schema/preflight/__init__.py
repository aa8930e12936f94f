"""What stands in the way of an upgrade, found before anything is changed.

Each file in ``refuse/`` is a reason to refuse a database, and each in ``report/`` something that
its owner should know. A file holds a query for object, what was found, what was expected and the
remedy. All of them are put into one anonymous block, which Alembic's offline script carries too,
so that both look for the same.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa
from sqlalchemy import exc

from mivaa_schema import database
from mivaa_schema.errors import AdoptionRefused
from mivaa_schema.operations.sql import literal, text_array
from mivaa_schema.operations.tracking import MIGRATION
from mivaa_schema.preflight import expected

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

Severity = Literal["refuse", "report"]

FOLDER = Path(__file__).parent

LISTS = {
    "tables": expected.tables,
    "columns": expected.columns,
    "indexes": expected.indexes,
    "keys": expected.keys,
    "checks": expected.checks,
    "functions": expected.functions,
    "triggers": expected.triggers,
    "policies": expected.policies,
}

# What a check can be made for, one by one.
EACH = LISTS | {"vectors": expected.vectors}

_TYPES = {str: "text", int: "integer", bool: "boolean", list: "text[]", type(None): "text"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that preflight has found.

    Attributes:
        severity: ``refuse`` stands in the way of the upgrade, ``report`` does not.
        check: Name of the check that found it, as its file is called.
        object: What it is about, qualified.
        found: How it is.
        expected: How it should be.
        remedy: SQL, or words, that mend it.
    """

    severity: Severity
    check: str
    object: str
    found: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.object} is {self.found}; expected was {self.expected}. {self.remedy}"


def refuse_what_cannot_be_adopted(connection: Connection, *, lock_members: bool = False) -> None:
    """Look for what the chain cannot adopt; nothing is changed.

    Args:
        connection: A transaction that is open on it stays so.
        lock_members: Whether the run closes the platform's tables of workspaces and members.

    Raises:
        AdoptionRefused: With everything that was found.
    """
    findings = _findings(connection, ("refuse",), lock_members)
    if findings:
        lines = "\n  ".join(f"{number}. {one}" for number, one in enumerate(findings, 1))
        raise AdoptionRefused(count=len(findings), findings=lines)


def report(connection: Connection, *, lock_members: bool = False) -> list[Finding]:
    """Everything that preflight finds, refusals first; nothing is changed.

    It reads every row of the platform's tables, so it may take a while.
    """
    return _findings(connection, ("refuse", "report"), lock_members)


def offline(*, lock_members: bool = False) -> list[str]:
    """The statements that a script runs first: they end it with one error that lists everything."""
    tail = """\
if v_findings <> '[]' then
  select string_agg(format('  %s. %s is %s; expected was %s. %s', n, f ->> 'object',
    f ->> 'found', f ->> 'expected', f ->> 'remedy'), e'\\n' order by n) into v_list
  from jsonb_array_elements(v_findings) with ordinality as i (f, n);
  raise exception using errcode = 'object_not_in_prerequisite_state',
    message = format('This database cannot be adopted as it is; nothing was changed. %s to mend:',
      jsonb_array_length(v_findings)) || e'\\n' || v_list
      || e'\\nMend them all, then run the same script again.';
end if;"""
    return [_block(("refuse",), tail, lock_members=lock_members, is_script=True)]


_SETTING = "mivaa.findings"


def _findings(
    connection: Connection, severities: tuple[Severity, ...], lock_members: bool
) -> list[Finding]:
    joined = connection.in_transaction()
    # The transaction is taken back: probes go with it, and the settings of this look.
    transaction = connection.begin_nested() if joined else connection.begin()
    keep = f"perform set_config({literal(_SETTING)}, v_findings::text, true);"
    sql = _block(severities, keep, lock_members=lock_members, is_script=False)
    try:
        connection.exec_driver_sql("set local statement_timeout = 0")
        connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
        text = connection.execute(
            sa.text("select current_setting(:name)"), {"name": _SETTING}
        ).scalar_one()
    except exc.DBAPIError as error:
        raise database.explain(error, connection.engine.url) from error
    finally:
        transaction.rollback()
    return [Finding(**item) for item in json.loads(text)]


def _block(
    severities: tuple[Severity, ...], tail: str, *, lock_members: bool, is_script: bool
) -> str:
    """Put the checks into the block that runs them."""
    declarations = [
        f"v_offline constant boolean := {str(is_script).lower()};",
        f"v_lock_members constant boolean := {str(lock_members).lower()};",
        *(f"v_{name} jsonb := {_json(items())};" for name, items in LISTS.items()),
    ]
    pending = [_only_pending(name) for name in LISTS if name != "tables"]
    checks = [
        check
        for severity in severities
        for path in sorted((FOLDER / severity).glob("*.sql"))
        for check in _render(severity, path)
    ]
    if "report" in severities:
        declarations += [f"v_all_{name} jsonb := v_{name};" for name in ("indexes", "policies")]
    text = (FOLDER / "block.sql").read_text(encoding="utf-8")
    for name, lines, depth in (
        ("declarations", declarations, 2),
        ("pending", pending, 2),
        ("checks", checks, 2),
        ("tail", [tail], 2),
    ):
        text = text.replace(f"  {{{name}}}", indent("\n".join(lines), " " * depth))
    return _with_lists(text).strip()


_COLLECT = """\
{purpose}
v_findings := v_findings || coalesce((
  select jsonb_agg(jsonb_build_object('severity', '{severity}', 'check', '{check}',
    'object', f.object, 'found', f.found, 'expected', f.expected, 'remedy', f.remedy)
    order by f.object, f.found)
  from (
{query}
  ) f (object, found, expected, remedy)), '[]');"""


def _render(severity: Severity, path: Path) -> list[str]:
    """The statements of one check: of each item that its head names, or one."""
    text = path.read_text(encoding="utf-8").strip()
    head = [line for line in text.splitlines() if line.startswith("-- ")]
    query = "\n".join(line for line in text.splitlines() if line not in head)
    facts = dict(re.findall(r"(?m)^-- (needs|for each of): (.*)$", text))
    rendered = []
    for item in EACH[facts["for each of"]]() if "for each of" in facts else [{}]:
        fill = {"migration": MIGRATION, **item}
        needs = [_fill(need.strip(), fill) for need in facts.get("needs", "").split(",") if need]
        statement = _COLLECT.format(
            purpose=head[0],
            severity=severity,
            check=path.stem,
            query=indent(_fill(query, fill), "    "),
        )
        if needs:
            guard = f"if v_usable @> {text_array(needs)} then"
            statement = f"{guard}\n{indent(statement, '  ')}\nend if;"
        rendered.append(statement)
    return rendered


def _fill(text: str, fill: dict[str, Any]) -> str:
    for name, value in fill.items():
        shown = text_array(value) if isinstance(value, list) else str(value)
        text = text.replace(f"{{{name}}}", shown)
    return text


def _with_lists(text: str) -> str:
    """Let a query read a list by its name in braces, as ``from {columns} as e``."""
    for name in LISTS:
        for variable in (name, f"all_{name}"):
            text = re.sub(
                rf"\{{{variable}\}} as (\w+)",
                rf"jsonb_to_recordset(v_{variable}) as \1({_record(name)})",
                text,
            )
    return text


@cache
def _record(name: str) -> str:
    items = LISTS[name]()
    types: dict[str, str] = {}
    for item in items:
        for key, value in item.items():
            if value is not None or key not in types:
                types[key] = _TYPES[type(value)]
    return ", ".join(f"{key} {type_}" for key, type_ in types.items())


def _json(items: list[dict[str, Any]]) -> str:
    """A list as a jsonb literal, one item a line."""
    lines = ",\n".join("  " + json.dumps(item) for item in items)
    return literal(f"[\n{lines}\n]")


def _only_pending(name: str) -> str:
    pending = "e ->> 'revision' > v_revision"
    if name == "indexes":
        pending += " and not 'index public.' || (e ->> 'name') = any (v_ledger)"
    return (
        f"select coalesce(jsonb_agg(e), '[]') into v_{name}\n"
        f"from jsonb_array_elements(v_{name}) e where {pending};"
    )
