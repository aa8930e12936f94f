"""Indexes that are built while users write, and constraints that are validated afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alembic.operations.schemaobj import SchemaObjects
from sqlalchemy.schema import CreateIndex, Index

from mivaa_schema.operations.batch import (
    Operation,
    SchemaObject,
    lock,
    milliseconds,
    patiently,
    timeouts,
)
from mivaa_schema.operations.records import forget, record, recorded, undo
from mivaa_schema.operations.sql import (
    DIALECT,
    block,
    columns_of_key,
    has_constraint,
    indented,
    is_nullable,
    literal,
    qualified,
    quote,
    regclass,
    text_array,
    when,
)

_REMEDY = literal(
    "Correct these rows (mivaa-schema repair lists what it can correct), then run:"
    " mivaa-schema repair constraints --apply"
)


# Indexes


def index(
    name: str, table: str, columns: Sequence[Any] | str, *, unique: bool = False, **options: Any
) -> SchemaObject:
    """An index; the arguments are those of Alembic's ``op.create_index``.

    Args:
        name: Name without schema; an index lives in the schema of its table.
        table: Qualified name of the table.
        columns: Names of columns, ``sa.text(...)`` or expressions; or, as one text, everything that
            follows the table in CREATE INDEX: ``USING gin (title gin_trgm_ops)``.
        unique: Whether the keys are unique.
        options: ``postgresql_using``, ``postgresql_where``, ``postgresql_include`` and so on.
    """
    schema, _, bare = table.partition(".")
    if isinstance(columns, str):
        return _index(f"{schema}.{name}", table, unique, columns)
    source = SchemaObjects().index(name, bare, columns, schema=schema, unique=unique, **options)
    return described_index(source)


def described_index(source: Index) -> SchemaObject:
    """An index of SQLAlchemy as a manifest holds it; ``definition`` is what follows the table."""
    assert source.table is not None  # noqa: S101 - an index belongs to a table
    schema = source.table.schema or "public"
    text = str(CreateIndex(source).compile(dialect=DIALECT)).strip()
    relation = DIALECT.identifier_preparer.format_table(source.table)
    definition = text.partition(f" ON {relation} ")[2]
    name, table = f"{schema}.{source.name}", f"{schema}.{source.table.name}"
    return _index(name, table, bool(source.unique), definition)


def _index(name: str, table: str, unique: bool, definition: str) -> SchemaObject:
    found = {"kind": "index", "table": table, "name": name}
    return {**found, "unique": unique, "definition": definition}


def adopt_index(target: SchemaObject) -> Operation:
    """Build an index concurrently, or keep the valid one that is there.

    Only inside of :func:`resumable`. An INVALID index of the name, left by a build that was
    interrupted, is dropped and built anew (online; the offline script stops and says so). A valid
    one with another definition stops the upgrade: dropping it is for its owner to decide.
    """
    return _build(target, _check_and_record(target))


def _build(target: SchemaObject, before: str) -> Operation:
    name = qualified(target["name"])
    invalid = (
        f"select {literal(f'drop index concurrently if exists {name}')}"
        " from pg_catalog.pg_index"
        f" where indexrelid = to_regclass({literal(name)}) and not indisvalid"
    )
    create = _create(target, "concurrently if not exists ")
    return Operation((before, *patiently(create)), (target,), cleanup=(invalid,))


def release_index(target: SchemaObject) -> Operation:
    """Drop an index that the chain built; plainly, since a drop scans nothing."""
    drop = f"drop index if exists {qualified(target['name'])};"
    return Operation((block(undo("index", target["name"], drop)),), drops=(target,))


def restore_index(target: SchemaObject) -> Operation:
    """Build again what :func:`release_index` dropped; plainly, so that a rollback can do it too.

    Writers of the table wait until it is built.
    """
    create = f"{_create(target)};\n{record('index', target['name'])}"
    missing = f"to_regclass({literal(qualified(target['name']))}) is null"
    return Operation((block(when(missing, create)),), (target,))


def _create(target: SchemaObject, how: str = "") -> str:
    name = quote(target["name"].partition(".")[2])
    table = qualified(target["table"])
    return f"create {_kind(target)} {how}{name} on {table} {target['definition']}"


def _kind(target: SchemaObject) -> str:
    return "unique index" if target["unique"] else "index"


def _check_and_record(target: SchemaObject, condition: str = "") -> str:
    """Compare an index of the name with the definition that is wanted, where a condition holds.

    PostgreSQL prints a definition in its own words, so the wanted one is built on an empty
    temporary copy of the table, and the two are compared in the same words.
    """
    name, table = qualified(target["name"]), qualified(target["table"])
    compare = f"""\
if exists (select from pg_catalog.pg_index where indexrelid = v_found and not indisvalid) then
  raise exception 'index % is INVALID: an earlier build was interrupted', {literal(name)}
    using errcode = 'object_not_in_prerequisite_state',
          hint = {literal(f"Run: drop index concurrently {name}; then start again.")};
end if;
if (select indrelid from pg_catalog.pg_index where indexrelid = v_found)
    is distinct from {literal(table)}::regclass then
  raise exception '% exists and is no index of %', {literal(name)}, {literal(table)}
    using errcode = 'duplicate_object', hint = 'Rename or drop it, then start again.';
end if;
create temporary table mivaa_probe (like {table}) on commit drop;
create {_kind(target)} mivaa_probe_index on mivaa_probe {target["definition"]};
select substring(pg_get_indexdef('pg_temp.mivaa_probe_index'::regclass) from ' USING .*')
  into v_wanted;
v_is := substring(pg_get_indexdef(v_found) from ' USING .*');
if v_is <> v_wanted or (select indisunique from pg_catalog.pg_index where indexrelid = v_found)
    <> {str(target["unique"]).lower()} then
  raise exception 'index % is%, expected%', {literal(name)}, v_is, v_wanted
    using errcode = 'duplicate_object', hint = 'Rename or drop it, then start again.';
end if;
drop table mivaa_probe;"""
    found = f"to_regclass({literal(name)})"
    body = when("v_found is null", record("index", target["name"]), compare)
    return block(
        when(condition, body) if condition else body,
        declare=f"v_found constant regclass := {found};\nv_is text;\nv_wanted text;",
    )


# Constraints


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
        built = _build(target["index"], _check_and_record(target["index"], is_missing))
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
    refuse = _warn(target, "cannot be added", detail)
    return when(_is_created(target), refuse.replace("raise warning", "raise exception", 1), warn)


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


def _warn(target: SchemaObject, outcome: str, detail: str = "") -> str:
    """Say what has become of a constraint; the rows that refer to nothing are not ours to count.

    Whoever upgrades may lack SELECT on the table that they refer to.
    """
    kind = target["kind"].replace("_", " ")
    what = literal(f"{kind} {target['name']} of {target['table']} {outcome}")
    count = f"(select count(*) {_fails(target)})" if kind == "check" else "'some'"
    return f"""\
raise warning '%: % row(s) do not meet %',
  {what}, {count}, {literal(_definition(target))}
  using {detail}hint = {_REMEDY};"""


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
        add = f"{_create(target['index'])};\n{add}"
    missing = "not " + has_constraint(target["table"], target["name"])
    return Operation((block(when(missing, add)),), (target,))


def object_name(constraint: SchemaObject) -> str:
    """Name under which the ledger has a constraint: ``public.documents.documents_status_check``."""
    return f"{constraint['table']}.{constraint['name']}"
