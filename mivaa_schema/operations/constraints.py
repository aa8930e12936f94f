"""Constraints: described, added without looking at the rows, validated afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mivaa_schema.operations.batch import (
    Operation,
    SchemaObject,
    lock,
    milliseconds,
    patiently,
    timeouts,
)
from mivaa_schema.operations.indexes import build_index, create_index, index
from mivaa_schema.operations.sql import (
    block,
    columns_of_key,
    forget,
    has_constraint,
    indented,
    is_nullable,
    literal,
    qualified,
    quote,
    record,
    recorded,
    regclass,
    text_array,
    undo,
    when,
)

_REMEDY = literal(
    "Correct these rows (mivaa-schema repair lists what it can correct), then run:"
    " mivaa-schema repair constraints --apply"
)
_CORRECT = literal("Correct these rows (mivaa-schema repair does not run before that).")


def foreign_key(
    name: str,
    table: str,
    columns: Sequence[str],
    references: str,
    referenced_columns: Sequence[str],
    **options: str | bool | None,
) -> SchemaObject:
    """A foreign key between qualified tables.

    ``options`` are ``match``, ``on_delete``, ``on_update``, ``deferrable`` and ``initially``; the
    actions are as SQL has them, ``set null``.
    """
    found: SchemaObject = {
        "kind": "foreign_key",
        "table": table,
        "name": name,
        "columns": list(columns),
        "references": references,
        "referenced_columns": list(referenced_columns),
    }
    for option in ("match", "on_delete", "on_update", "deferrable", "initially"):
        value = options.pop(option, None)
        if value is not None:
            found[option] = value.lower() if isinstance(value, str) else value
    if options:
        message = f"foreign key {name} has no option {', '.join(options)}"
        raise TypeError(message)
    return found


def check(name: str, table: str, condition: str) -> SchemaObject:
    """A check of a qualified table; ``condition`` is SQL over its columns."""
    return {"kind": "check", "table": table, "name": name, "condition": condition}


def one_of(name: str, table: str, column: str, values: Sequence[str]) -> SchemaObject:
    """A check that a column holds one of a closed set of values."""
    condition = f"{quote(column)} in ({', '.join(map(literal, values))})"
    return {**check(name, table, condition), "column": column, "allowed": list(values)}


def not_null(name: str, table: str, column: str) -> SchemaObject:
    """A check that a column is not null, for a table whose column does not say so itself."""
    return {**check(name, table, f"{quote(column)} is not null"), "not_null": column}


def unique(
    name: str, table: str, columns: Sequence[str] | str, *, keys: Sequence[str] = (), **options: Any
) -> SchemaObject:
    """A unique constraint; ``deferrable`` and ``initially`` belong to it, the rest to its index.

    The other arguments are those of :func:`index`; ``keys`` names the columns where they are given
    as one text, so that preflight can look for rows that do not meet it.
    """
    timing = {key: options.pop(key, None) for key in ("deferrable", "initially")}
    built = index(name, table, columns, unique=True, **options)
    names = list(keys) or ([] if isinstance(columns, str) else list(columns))
    found: SchemaObject = {"kind": "unique", "table": table, "name": name, "columns": names}
    given = {key: value for key, value in timing.items() if value is not None}
    return found | {"index": built} | given


def exclusion(name: str, table: str, definition: str) -> SchemaObject:
    """An exclusion constraint; ``definition`` is ``EXCLUDE USING gist (...)``."""
    return {"kind": "exclusion", "table": table, "name": name, "definition": definition}


def adopt_constraint(target: SchemaObject, *, must_hold: bool = False) -> Operation:
    """Add a constraint that holds for new rows at once; old ones are looked at afterwards.

    - A foreign key is added NOT VALID, unless the platform has one over the same columns to the
      same table: that is its decision, even where its ON DELETE is another.
    - A check is added NOT VALID where every row meets it; elsewhere it is left off with a warning,
      since it would refuse every later update of a row that does not meet it.
    - A unique constraint gets its index first, built concurrently; only inside of
      :func:`resumable`.

    With ``must_hold``, rows of a table that the chain created stop the revision where they do not
    meet a check; a table that was there before is only warned of.
    """
    kind, table, name = target["kind"], target["table"], target["name"]
    is_missing = "not " + has_constraint(table, name)
    take = lock(table)
    if kind == "foreign_key":
        # The table that is referred to may be the platform's, which is not ours to lock: the key
        # itself does, within what is left of the time.
        ours = [t for t in (target["references"], table) if not t.startswith("auth.")]
        take = lock(*dict.fromkeys(ours), mode="share row exclusive")
    valid = " not valid" if kind in ("foreign_key", "check") else ""
    add = f"perform {take};\n{_add(target, valid)}"
    if kind == "unique":
        # Once the constraint is there, its index is no longer an object of its own.
        index_name = target["index"]["name"]
        # An index of the name that is there is compared, as long as the constraint is not.
        built = build_index(target["index"], is_missing)
        finish = block(when(is_missing, f"{add}\n{forget('index', index_name)}"))
        return Operation((*built.statements, finish), (target,), cleanup=built.cleanup)
    body = when(is_missing, add, _refuse_other(target))
    if kind == "foreign_key":
        same = (
            "exists (select from pg_catalog.pg_constraint c where c.contype = 'f'"
            f" and c.conrelid = {regclass(table)}"
            f" and c.confrelid = {regclass(target['references'])}"
            f" and {columns_of_key('c.conkey', 'c.conrelid')} = {text_array(target['columns'])}"
            " and not exists (select from mivaa.ledger where kind = 'constraint'"
            f" and object_name = {literal(table + '.')} || c.conname))"
        )
        body = when(f"not {same}\n  and {is_missing}", add, _refuse_other(target))
    elif kind == "check":
        fails = f"exists (select {_fails(target)})"
        left_off = _unmet(target, "is left off", must_hold=must_hold)
        body = when(is_missing, when(fails, left_off, add), _refuse_other(target))
        if column := target.get("not_null"):
            body = when(is_nullable(table, column), body)
    return Operation((block(body),), (target,))


def _is_created(target: SchemaObject) -> str:
    """A condition: the chain created the table; what holds there is for the revisions to say."""
    return recorded("table", target["table"])


def _refuse_other(target: SchemaObject) -> str:
    """Refuse a constraint of the same name that somebody else has put on a table of ours."""
    is_other = (
        f"{_is_created(target)}\n  and {has_constraint(target['table'], target['name'])}"
        f"\n  and not {recorded('constraint', object_name(target))}"
    )
    message = literal(f"constraint {target['name']} of {target['table']} was there before")
    refuse = (
        f"raise exception '%', {message}\n"
        "  using errcode = 'duplicate_object',\n"
        "        hint = 'Rename or drop it, then start again.';"
    )
    return when(is_other, refuse)


def _unmet(target: SchemaObject, outcome: str, detail: str = "", *, must_hold: bool) -> str:
    """Say what has become of a constraint that rows do not meet, or stop the revision."""
    warn = _warn(target, outcome, detail)
    if not must_hold:
        return warn
    refuse = _warn(target, "cannot be added", detail, level="exception", hint=_CORRECT)
    return when(_is_created(target), refuse, warn)


def _add(target: SchemaObject, valid: str = "") -> str:
    """Add a constraint, for a block, and remember it."""
    table, name = qualified(target["table"]), quote(target["name"])
    return f"alter table {table} add constraint {name} {_definition(target)}{valid};\n" + record(
        "constraint", object_name(target)
    )


def _definition(target: SchemaObject) -> str:
    if target["kind"] == "check":
        return f"check ({target['condition']})"
    if target["kind"] == "exclusion":
        return str(target["definition"])
    parts = [f"unique using index {quote(target['name'])}"]
    if target["kind"] == "foreign_key":
        columns, referenced = (
            ", ".join(map(quote, target[key])) for key in ("columns", "referenced_columns")
        )
        references = qualified(target["references"])
        parts = [f"foreign key ({columns}) references {references} ({referenced})"]
        for option in ("match", "on_delete", "on_update"):
            if target.get(option):
                parts.append(f"{option.replace('_', ' ')} {target[option]}")
    if target.get("deferrable") is not None:
        parts.append("deferrable" if target["deferrable"] else "not deferrable")
    parts += [f"initially {target['initially']}"] if target.get("initially") else []
    return " ".join(parts)


def _fails(target: SchemaObject) -> str:
    return f"from {qualified(target['table'])} where not ({target['condition']})"


def _warn(
    target: SchemaObject,
    outcome: str,
    detail: str = "",
    *,
    level: str = "warning",
    hint: str = _REMEDY,
) -> str:
    """Say what has become of a constraint; the rows that refer to nothing are not ours to count.

    Whoever upgrades may lack SELECT on the table that they refer to.
    """
    kind = target["kind"].replace("_", " ")
    what = literal(f"{kind} {target['name']} of {target['table']} {outcome}")
    count = f"(select count(*) {_fails(target)})" if kind == "check" else "'some'"
    return f"""\
raise {level} '%: % row(s) do not meet %',
  {what}, {count}, {literal(_definition(target))}
  using {detail}hint = {hint};"""


def validate_constraint(target: SchemaObject, *, must_hold: bool = False) -> Operation:
    """Validate a foreign key or check that the chain added; only inside of :func:`resumable`.

    Rows that do not meet it block nothing: a foreign key stays NOT VALID, since old rows can be
    updated under it, and a check is dropped again. With ``must_hold``, those of a table that the
    chain created stop the revision.
    """
    table, name = target["table"], target["name"]
    alter = f"alter table {qualified(table)}"
    violation, outcome, drop = "foreign_key_violation", "is left NOT VALID", ""
    if target["kind"] == "check":
        violation, outcome = "check_violation", "is dropped again"
        # The scan may be waited for at length; a drop stops everybody while it waits.
        drop = f"""
perform set_config('lock_timeout', '{milliseconds(timeouts().lock)}', true);
perform {lock(table)};
{alter} drop constraint {quote(name)};
{forget("constraint", object_name(target))}"""
    warn = _unmet(target, outcome, "detail = sqlerrm, ", must_hold=must_hold) + "\n"
    attempt = f"""\
begin
  {alter} validate constraint {quote(name)};
exception when {violation} then
{indented(warn + drop)}
end;"""
    ours = recorded("constraint", object_name(target))
    pending = has_constraint(table, name, " and not convalidated")
    return Operation(patiently(block(when(f"{ours} and {pending}", attempt))))


def release_constraint(target: SchemaObject) -> Operation:
    """Drop a constraint that the chain added."""
    table, name = qualified(target["table"]), quote(target["name"])
    drop = f"alter table {table} drop constraint if exists {name};"
    body = undo("constraint", object_name(target), drop)
    if target["kind"] == "unique":
        # A build that was interrupted has left the index alone.
        built = target["index"]["name"]
        body += "\n" + undo("index", built, f"drop index if exists {qualified(built)};")
    return Operation((block(body),), drops=(target,))


def restore_constraint(target: SchemaObject) -> Operation:
    """Add again what :func:`release_constraint` dropped, so that a rollback can do it too.

    Plainly: the rows are looked at while writers of the table wait.
    """
    add = _add(target)
    if target["kind"] == "unique":
        add = f"{create_index(target['index'])};\n{add}"
    missing = "not " + has_constraint(target["table"], target["name"])
    return Operation((block(when(missing, add)),), (target,))


def object_name(constraint: SchemaObject) -> str:
    """Name under which the ledger has a constraint: ``public.documents.documents_status_check``."""
    return f"{constraint['table']}.{constraint['name']}"
