"""Indexes that are built while users write, and constraints that are validated afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    literal,
    qualified,
    quote,
    regclass,
    text_array,
    when,
)

_REMEDY = literal(
    "Repair the rows that mivaa-schema repair lists, then run:"
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
        return {
            "kind": "index",
            "table": table,
            "name": f"{schema}.{name}",
            "unique": unique,
            "definition": columns,
        }
    source = SchemaObjects().index(name, bare, columns, schema=schema, unique=unique, **options)
    return described_index(source)


def described_index(source: Index) -> SchemaObject:
    """An index of SQLAlchemy as a manifest holds it; ``definition`` is what follows the table."""
    assert source.table is not None  # noqa: S101 - an index belongs to a table
    schema = source.table.schema or "public"
    table = f"{schema}.{source.table.name}"
    text = str(CreateIndex(source).compile(dialect=DIALECT)).strip()
    relation = DIALECT.identifier_preparer.format_table(source.table)
    definition = text.partition(f" ON {relation} ")[2]
    return {
        "kind": "index",
        "table": table,
        "name": f"{schema}.{source.name}",
        "unique": bool(source.unique),
        "definition": definition,
    }


def adopt_index(target: SchemaObject) -> Operation:
    """Build an index concurrently, or keep the valid one that is there.

    Only inside of :func:`resumable`. An INVALID index of the name, left by a build that was
    interrupted, is dropped and built anew (online; the offline script stops and says so). A valid
    one with another definition stops the upgrade: dropping it is for its owner to decide.
    """
    name = qualified(target["name"])
    invalid = (
        f"select {literal(f'drop index concurrently if exists {name}')}"
        " from pg_catalog.pg_index"
        f" where indexrelid = to_regclass({literal(name)}) and not indisvalid"
    )
    create = (
        f"create {_kind(target)} concurrently if not exists {_bare(target)}"
        f" on {qualified(target['table'])} {target['definition']}"
    )
    return Operation((_check_and_record(target), *patiently(create)), (target,), heals=(invalid,))


def release_index(target: SchemaObject) -> Operation:
    """Drop an index that the chain built; plainly, since a drop scans nothing."""
    drop = f"drop index if exists {qualified(target['name'])};"
    return Operation((block(undo("index", target["name"], drop)),), drops=(target,))


def restore_index(target: SchemaObject) -> Operation:
    """Build again what :func:`release_index` dropped; plainly, so that a rollback can do it too.

    Writers of the table wait until it is built.
    """
    create = (
        f"create {_kind(target)} {_bare(target)} on {qualified(target['table'])}"
        f" {target['definition']};\n" + record("index", target["name"])
    )
    missing = f"to_regclass({literal(qualified(target['name']))}) is null"
    return Operation((block(when(missing, create)),), (target,))


def _kind(target: SchemaObject) -> str:
    return "unique index" if target["unique"] else "index"


def _bare(target: SchemaObject) -> str:
    return quote(target["name"].partition(".")[2])


def _check_and_record(target: SchemaObject) -> str:
    """Compare an index of the name with the definition that is wanted.

    PostgreSQL prints a definition in its own words, so the wanted one is built on an empty
    temporary copy of the table, and the two are compared in the same words.
    """
    name, table = qualified(target["name"]), qualified(target["table"])
    shown = name.replace("'", "''").replace("%", "%%")
    compare = f"""\
if exists (select from pg_catalog.pg_index where indexrelid = v_found and not indisvalid) then
  raise exception 'index {shown} is INVALID: an earlier build was interrupted'
    using errcode = 'object_not_in_prerequisite_state',
          hint = {literal(f"Run: drop index concurrently {name}; then start again.")};
end if;
if (select indrelid from pg_catalog.pg_index where indexrelid = v_found)
    is distinct from {literal(table)}::regclass then
  raise exception '{shown} exists and is no index of {table.replace("%", "%%")}'
    using errcode = 'duplicate_object', hint = 'Rename or drop it, then start again.';
end if;
create temporary table mivaa_probe (like {table}) on commit drop;
create {_kind(target)} mivaa_probe_index on mivaa_probe {target["definition"]};
select substring(pg_get_indexdef('pg_temp.mivaa_probe_index'::regclass) from ' USING .*')
  into v_wanted;
v_is := substring(pg_get_indexdef(v_found) from ' USING .*');
if v_is <> v_wanted or (select indisunique from pg_catalog.pg_index where indexrelid = v_found)
    <> {str(target["unique"]).lower()} then
  raise exception 'index {shown} is%, expected%', v_is, v_wanted
    using errcode = 'duplicate_object', hint = 'Rename or drop it, then start again.';
end if;
drop table mivaa_probe;"""
    found = f"to_regclass({literal(name)})"
    return block(
        when("v_found is null", record("index", target["name"]), compare),
        declare=f"v_found constant regclass := {found};\nv_is text;\nv_wanted text;",
    )


# Constraints


def foreign_key(
    name: str,
    table: str,
    columns: Sequence[str],
    references: str,
    referenced_columns: Sequence[str],
    *,
    on_delete: str | None = None,
    on_update: str | None = None,
    deferrable: bool | None = None,
    initially: str | None = None,
    match: str | None = None,
) -> SchemaObject:
    """A foreign key between qualified tables; the actions are as SQL has them, ``set null``."""
    found: SchemaObject = {
        "kind": "foreign_key",
        "table": table,
        "name": name,
        "columns": list(columns),
        "references": references,
        "referenced_columns": list(referenced_columns),
    }
    for option, value in (
        ("match", match),
        ("on_delete", on_delete),
        ("on_update", on_update),
        ("deferrable", deferrable),
        ("initially", initially),
    ):
        if value is not None:
            found[option] = value.lower() if isinstance(value, str) else value
    return found


def check(name: str, table: str, condition: str) -> SchemaObject:
    """A check of a qualified table; ``condition`` is SQL over its columns."""
    return {"kind": "check", "table": table, "name": name, "condition": condition}


def one_of(name: str, table: str, column: str, values: Sequence[str]) -> SchemaObject:
    """A check that a column holds one of a closed set of values."""
    condition = f"{quote(column)} in ({', '.join(literal(value) for value in values)})"
    return {**check(name, table, condition), "column": column, "allowed": list(values)}


def not_null(name: str, table: str, column: str) -> SchemaObject:
    """A check that a column is not null, for a table whose column does not say so itself."""
    return {**check(name, table, f"{quote(column)} is not null"), "not_null": column}


def unique(name: str, table: str, columns: Sequence[str] | str, **options: Any) -> SchemaObject:
    """A unique constraint; ``deferrable`` and ``initially`` belong to it, the rest to its index.

    The other arguments are those of :func:`index`.
    """
    timing = {key: options.pop(key) for key in ("deferrable", "initially") if key in options}
    built = index(name, table, columns, unique=True, **options)
    given = {key: value for key, value in timing.items() if value is not None}
    found: SchemaObject = {"kind": "unique", "table": table, "name": name, "index": built}
    return found | given


def exclusion(name: str, table: str, definition: str) -> SchemaObject:
    """An exclusion constraint; ``definition`` is ``EXCLUDE USING gist (...)``."""
    return {"kind": "exclusion", "table": table, "name": name, "definition": definition}


def adopt_constraint(target: SchemaObject) -> Operation:
    """Add a constraint that holds for new rows at once; :func:`validate` looks at the old ones.

    - A foreign key is added NOT VALID, unless the platform has one over the same columns to the
      same table: that is its decision, even where its ON DELETE is another.
    - A check is added NOT VALID where every row meets it; elsewhere it is left off with a warning,
      since it would refuse every later update of a row that does not meet it.
    - A unique constraint gets its index first, built concurrently; only inside of
      :func:`resumable`.
    """
    return _ADOPT[target["kind"]](target)


def _adopt_foreign_key(key: SchemaObject) -> Operation:
    same = (
        "exists (select from pg_catalog.pg_constraint c where c.contype = 'f'"
        f" and c.conrelid = {regclass(key['table'])}"
        f" and c.confrelid = {regclass(key['references'])}"
        f" and {columns_of_key('c.conkey', 'c.conrelid')} = {text_array(key['columns'])}"
        " and not exists (select from mivaa.ledger where kind = 'constraint'"
        f" and object_name = {literal(key['table'] + '.')} || c.conname))"
    )
    # The table that is referred to may be the platform's, which is not ours to lock: the key itself
    # does, within what is left of the time.
    ours = [t for t in (key["references"], key["table"]) if not t.startswith("auth.")]
    add = (
        f"perform {lock(*dict.fromkeys(ours), mode='share row exclusive')};\n"
        f"alter table {qualified(key['table'])} add constraint {quote(key['name'])}"
        f" foreign key ({_names(key['columns'])})"
        f" references {qualified(key['references'])} ({_names(key['referenced_columns'])})"
        f" {_actions(key)} not valid;\n" + record("constraint", object_name(key))
    )
    taken = has_constraint(key["table"], key["name"])
    return Operation((block(when(f"not {same}\n  and not {taken}", add)),), (key,))


def _actions(key: SchemaObject) -> str:
    parts = [f"match {key['match']}"] if key.get("match") else []
    parts += [f"on delete {key['on_delete']}"] if key.get("on_delete") else []
    parts += [f"on update {key['on_update']}"] if key.get("on_update") else []
    return " ".join([*parts, _timing(key)]).strip()


def _timing(constraint: SchemaObject) -> str:
    parts = []
    if constraint.get("deferrable") is not None:
        parts.append("deferrable" if constraint["deferrable"] else "not deferrable")
    if constraint.get("initially"):
        parts.append(f"initially {constraint['initially']}")
    return " ".join(parts)


def _adopt_check(target: SchemaObject) -> Operation:
    table, name = target["table"], target["name"]
    add = (
        f"perform {lock(table)};\n"
        f"alter table {qualified(table)} add constraint {quote(name)}"
        f" check ({target['condition']}) not valid;\n" + record("constraint", object_name(target))
    )
    message = f"check {name} of {table} is left off: a row does not meet it"
    left_off = f"raise warning '%', {literal(message)}\n  using hint = {_REMEDY};"
    fails = f"exists (select from {qualified(table)} where not ({target['condition']}))"
    body = when("not " + has_constraint(table, name), when(fails, left_off, add))
    if column := target.get("not_null"):
        nullable = (
            "exists (select from pg_catalog.pg_attribute"
            f" where attrelid = {regclass(table)}"
            f" and attname = {literal(column)} and not attnotnull)"
        )
        body = when(nullable, body)
    return Operation((block(body),), (target,))


def _adopt_unique(target: SchemaObject) -> Operation:
    built = adopt_index(target["index"])
    table, name = target["table"], target["name"]
    add = (
        f"perform {lock(table)};\n"
        f"alter table {qualified(table)} add constraint {quote(name)}"
        f" unique using index {quote(name)} {_timing(target)}".rstrip()
        + ";\n"
        + record("constraint", object_name(target))
        + "\n"
        + forget("index", target["index"]["name"])
    )
    is_missing = "not " + has_constraint(table, name)
    # Once the constraint is there, its index is no longer an object of its own.
    steps = (block(when(is_missing, built_check(target["index"]))), *built.statements[1:])
    return Operation((*steps, block(when(is_missing, add))), (target,), heals=built.heals)


def built_check(target: SchemaObject) -> str:
    """Record an index that is about to be built for a constraint."""
    return record("index", target["name"])


def _adopt_exclusion(target: SchemaObject) -> Operation:
    table, name = target["table"], target["name"]
    add = (
        f"perform {lock(table)};\n"
        f"alter table {qualified(table)} add constraint {quote(name)} {target['definition']};\n"
        + record("constraint", object_name(target))
    )
    return Operation((block(when("not " + has_constraint(table, name), add)),), (target,))


_ADOPT = {
    "foreign_key": _adopt_foreign_key,
    "check": _adopt_check,
    "unique": _adopt_unique,
    "exclusion": _adopt_exclusion,
}


def validate(target: SchemaObject) -> Operation:
    """Validate a foreign key or check that the chain added; only inside of :func:`resumable`.

    Rows that do not meet it block nothing: a foreign key stays NOT VALID, since old rows can be
    updated under it, and a check is dropped again.
    """
    table, name = target["table"], target["name"]
    if target["kind"] == "check":
        violation, outcome = "check_violation", "dropped again"
        # The scan may be waited for at length; a drop stops everybody while it waits.
        drop = (
            f"perform set_config('lock_timeout', '{milliseconds(timeouts().lock)}', true);\n"
            f"perform {lock(table)};\n"
            f"alter table {qualified(table)} drop constraint {quote(name)};\n"
        ) + forget("constraint", object_name(target))
    else:
        violation, outcome, drop = "foreign_key_violation", "left NOT VALID", ""
    message = f"constraint {name} of {table} is {outcome}: a row does not meet it"
    attempt = f"""\
begin
  alter table {qualified(table)} validate constraint {quote(name)};
exception when {violation} then
  raise warning '%', {literal(message)}
    using detail = sqlerrm, hint = {_REMEDY};
  {drop}
end;"""
    pending = (
        "exists (select from pg_catalog.pg_constraint"
        f" where conrelid = {regclass(table)} and conname = {literal(name)}"
        " and not convalidated)"
    )
    ours = recorded("constraint", object_name(target))
    return Operation(patiently(block(when(f"{ours} and {pending}", attempt))))


def release_constraint(target: SchemaObject) -> Operation:
    """Drop a constraint that the chain added."""
    drop = (
        f"alter table {qualified(target['table'])}"
        f" drop constraint if exists {quote(target['name'])};"
    )
    return Operation((block(undo("constraint", object_name(target), drop)),), drops=(target,))


def restore_constraint(target: SchemaObject) -> Operation:
    """Add again what :func:`release_constraint` dropped, so that a rollback can do it too.

    Plainly: the rows are looked at while writers of the table wait.
    """
    table, name = qualified(target["table"]), quote(target["name"])
    before = ""
    if target["kind"] == "unique":
        before = f"create unique index {name} on {table} {target['index']['definition']};\n"
        definition = f"unique using index {name} {_timing(target)}"
    elif target["kind"] == "check":
        definition = f"check ({target['condition']})"
    elif target["kind"] == "foreign_key":
        definition = (
            f"foreign key ({_names(target['columns'])}) references"
            f" {qualified(target['references'])} ({_names(target['referenced_columns'])})"
            f" {_actions(target)}"
        )
    else:
        definition = target["definition"]
    add = (
        f"{before}alter table {table} add constraint {name} {definition}".rstrip()
        + ";\n"
        + record("constraint", object_name(target))
    )
    missing = "not " + has_constraint(target["table"], target["name"])
    return Operation((block(when(missing, add)),), (target,))


def object_name(constraint: SchemaObject) -> str:
    """Name under which the ledger has a constraint: ``public.documents.documents_status_check``."""
    return f"{constraint['table']}.{constraint['name']}"


def _names(columns: Iterable[str]) -> str:
    return ", ".join(quote(column) for column in columns)
