"""Columns: described, added, changed, filled; and how a column is stored."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pgvector.sqlalchemy import VECTOR
from sqlalchemy import BigInteger, DateTime, Integer, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import Column, CreateColumn, DefaultClause, MetaData, Table
from sqlalchemy.types import TypeEngine

from mivaa_schema.operations.batch import Operation, SchemaObject, lock, patiently
from mivaa_schema.operations.sql import (
    DIALECT,
    block,
    forget,
    has_column,
    has_constraint,
    is_nullable,
    literal,
    qualified,
    quote,
    record,
    recorded,
    regclass,
    row,
    undo,
    when,
)

BATCH = 500
"""Rows a transaction: enough to be quick, few enough that nobody waits long for a row."""

TRIES = 100
"""How often a batch is tried in which a user holds a row."""


def column(table: str, source: Column[Any]) -> SchemaObject:
    """A column of a table as a manifest holds it.

    ``definition`` is what follows ADD COLUMN, without NOT NULL; ``type`` is the type as PostgreSQL
    prints it; ``default`` is the default as it was written. ``accepts``, where it is there, is a
    regular expression for the types (as PostgreSQL prints them) that a column which was there
    before may have; without it, only the type itself will do. ``min_length`` is the least limit
    of a ``character varying(n)`` which was there before, because the revisions write texts of that
    length: ``info={"min_length": 40}`` in a revision, ``None`` if it may have no limit.

    Raises:
        ValueError: If the column has no comment.
    """
    if not source.comment:
        message = f"column {table}.{source.name} has no comment; say what it holds"
        raise ValueError(message)
    bare = source._copy()
    nullable = bool(source.nullable) and not source.primary_key
    if source.identity is None and not source.primary_key:
        bare.nullable = True
    Table("_", MetaData(), bare)
    definition = str(CreateColumn(bare).compile(dialect=DIALECT)).strip()
    found: SchemaObject = {
        "kind": "column",
        "table": table,
        "name": str(source.name),
        "type": printed_type(source.type),
        "definition": definition.removesuffix(" NOT NULL"),
        "nullable": nullable,
        "default": _default(source),
        "comment": source.comment,
    }
    generated = {"computed": source.computed, "identity": source.identity}
    further = {
        "primary_key": source.primary_key,
        "generated": next((how for how, it in generated.items() if it is not None), None),
        "accepts": _accepts(source),
        "min_length": source.info.get("min_length"),
    }
    return found | {key: value for key, value in further.items() if value}


def printed_type(type_: TypeEngine[Any]) -> str:
    """A type as ``format_type`` of PostgreSQL prints it."""
    text = str(type_.compile(dialect=DIALECT)).lower().replace(", ", ",")
    for written, printed in (
        (r"^varchar\b", "character varying"),
        (r"^char\b", "character"),
        (r"^(float(\(\d+\))?|double)$", "double precision"),
        (r"^decimal\b", "numeric"),
        (r"^(timestamp|time)(?=\(|$)", r"\1"),
    ):
        text = re.sub(written, printed, text)
    return text


def _accepts(source: Column[Any]) -> str | None:
    type_ = source.type
    if isinstance(type_, VECTOR):
        return rf"^(\w+\.)?vector\({type_.dim}\)$"
    if isinstance(type_, DateTime):
        return r"^timestamp(\(\d\))? with time zone$" if type_.timezone else None
    if type(type_) is Text:
        limit = "" if source.info.get("min_length", 0) is None else r"(\(\d+\))?"
        return f"^(text|character varying{limit})$"
    # Each before the type that it is a kind of.
    patterns = {Uuid: "uuid", BigInteger: "(bigint|integer)", Integer: "integer", JSONB: "jsonb"}
    return next((f"^{p}$" for kind, p in patterns.items() if isinstance(type_, kind)), None)


def _default(source: Column[Any]) -> str | None:
    """The default as it was written: a text without its quotes, an expression as SQL."""
    if not isinstance(source.server_default, DefaultClause):
        return None
    argument = source.server_default.arg
    if isinstance(argument, str):
        return argument
    return str(argument.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True}))


def default_of(column: SchemaObject) -> str | None:
    """``DEFAULT ...`` as the definition of a column has it, or None."""
    _, mark, rest = column["definition"].partition(" DEFAULT ")
    return f"default {rest}" if mark and column.get("generated") is None else None


_SAME_FOR_ALL = re.compile(
    r"'(?:[^']|'')*'(::[\w .\[\]()]+)?|[-+]?[\d.]+(::[\w ]+)?|true|false|null|now\(\)"
    r"|current_(timestamp|date|time|user|role)|array\[\](::[\w \[\]]+)?",
    re.IGNORECASE,
)
"""Defaults that have one value for all rows, so that adding a column rewrites nothing."""


def is_volatile(item: SchemaObject) -> bool:
    """Whether a default may have another value for every row."""
    default = default_of(item)
    return default is not None and not _SAME_FOR_ALL.fullmatch(default.removeprefix("default "))


def is_free_change(before: str, after: str) -> bool:
    """Whether PostgreSQL changes a type without rewriting the table: a limit is raised or gone."""
    old, new = (
        re.fullmatch(r"(character varying|text|numeric)(?:\((\d+)(?:,(\d+))?\))?", text)
        for text in (before, after)
    )
    if old is None or new is None or (old[1] == "numeric") != (new[1] == "numeric"):
        return False
    same_scale = (old[3] or "0") == (new[3] or "0")
    return new[2] is None or (old[2] is not None and int(old[2]) <= int(new[2]) and same_scale)


def adopt_columns(*columns: SchemaObject) -> Operation:
    """Add those of the columns that the table lacks, each nullable or with a constant default."""
    return Operation((block("\n".join(map(adding, columns))),), columns)


def release_columns(*columns: SchemaObject) -> Operation:
    """Drop those of the columns that the chain added."""
    return Operation((block(undoing(columns)),), drops=columns)


def drop_columns(*columns: SchemaObject) -> Operation:
    """Drop columns, with their values, that the chain added or created with the table.

    A column that an adopted platform brought along stays.
    """
    body = []
    for item in columns:
        table, name = item["table"], item["name"]
        ours = f"{recorded('table', table)} or {recorded('column', f'{table}.{name}')}"
        drop = f"alter table {qualified(table)} drop column if exists {quote(name)};\n"
        body.append(when(ours, drop + forget("column", f"{table}.{name}")))
    return Operation((block("\n".join(body)),), drops=columns)


def restore_column(target: SchemaObject) -> Operation:
    """Add again what :func:`drop_columns` dropped, without its values.

    One that was NOT NULL without a default is so again only where the table is empty.
    """
    table, name = qualified(target["table"]), quote(target["name"])
    add = adding(target)
    if not target["nullable"] and default_of(target) is None and not target.get("generated"):
        not_null = f"alter table {table} alter column {name} set not null;"
        missing = "not " + has_column(target["table"], target["name"])
        add = when(missing, f"{add}\n{when(f'not exists (select from {table})', not_null)}")
    return Operation((block(add),), (target,))


def change_column(before: SchemaObject, after: SchemaObject, *, rewrite: bool = False) -> Operation:
    """Change default, comment and type of a column; let it take nulls where ``after`` does.

    What would scan the table is not done here: see :func:`set_not_null`. With ``rewrite``, a change
    of type may rewrite the table under ACCESS EXCLUSIVE.
    """
    table, name, wanted = before["table"], before["name"], after
    alter = f"alter table {qualified(table)} alter column {quote(name)}"
    lines = []
    changes_type = before["type"] != wanted["type"]
    if changes_type and not (rewrite or is_free_change(before["type"], wanted["type"])):
        message = f"{table}.{name}: {before['type']} to {wanted['type']} rewrites the table"
        raise ValueError(message)
    if changes_type and before["default"] is not None:
        # The old default may have no cast to the new type.
        lines.append(f"{alter} drop default;")
    if changes_type:
        lines.append(f"{alter} type {wanted['type']} using {quote(name)}::{wanted['type']};")
    if before["default"] != wanted["default"] or (changes_type and wanted["default"] is not None):
        default = default_of(wanted)
        lines.append(f"{alter} drop default;" if default is None else f"{alter} set {default};")
    if wanted["nullable"] and not before["nullable"]:
        # An interrupted set_not_null() may have left its check.
        check = _not_null_check(name)
        drop = f"alter table {qualified(table)} drop constraint if exists {quote(check)};"
        lines += [f"{alter} drop not null;", drop, forget("constraint", f"{table}.{check}")]
    if before["comment"] != wanted["comment"]:
        lines.append(commenting(wanted))
    if not before["nullable"] and not wanted["nullable"]:
        wanted = {**wanted, "nullable": False}
    return Operation((block("\n".join(lines) or "null;"),), (wanted,))


def set_not_null(target: SchemaObject) -> Operation:
    """Make a column NOT NULL without a scan under a strong lock; only inside of :func:`resumable`.

    A check is added NOT VALID and validated; PostgreSQL then knows that no row holds null, and
    the check is dropped. Rows that do hold null end the upgrade with an error that counts them.
    """
    table, name = target["table"], target["name"]
    check = _not_null_check(name)
    take, alter = f"perform {lock(table)};\n", f"alter table {qualified(table)}"
    nullable, has_check = is_nullable(table, name), has_constraint(table, check)
    condition = f"check ({quote(name)} is not null) not valid"
    add = f"{take}{alter} add constraint {quote(check)} {condition};\n" + record(
        "constraint", f"{table}.{check}"
    )
    validate = f"""\
begin
  {alter} validate constraint {quote(check)};
exception when check_violation then
  raise exception '% cannot become NOT NULL: % row(s) hold null', {literal(f"{table}.{name}")},
    (select count(*) from {qualified(table)} where {quote(name)} is null)
    using errcode = 'not_null_violation', hint = 'Give these rows a value.';
end;"""
    finish = (
        f"{take}{alter} alter column {quote(name)} set not null;\n"
        f"{alter} drop constraint if exists {quote(check)};\n"
        f"{forget('constraint', f'{table}.{check}')}"
    )
    return Operation(
        (
            block(when(f"{nullable} and not {has_check}", add)),
            *patiently(block(when(f"{nullable} and {has_check}", validate))),
            block(when(f"{nullable} or {has_check}", finish)),
        ),
        ({**target, "nullable": False},),
    )


def _not_null_check(column: str) -> str:
    # PostgreSQL would cut a name of more than 63 bytes.
    return f"{column.encode()[:50].decode(errors='ignore')}_set_not_null"


def fill_column(target: SchemaObject) -> Operation:
    """Give the rows that hold null the default of a column, batch by batch, each committed.

    Only inside of :func:`resumable`, on a table whose primary key is ``id uuid``.
    """
    default = default_of(target)
    assert default is not None  # noqa: S101 - who calls it has looked
    name = quote(target["name"])
    return fill(
        target["table"],
        f"update {qualified(target['table'])} t set {name} = {default.removeprefix('default ')}"
        f"\n    from batch b where t.id = b.id and t.{name} is null",
    )


def fill(table: str, update: str, *, batch_columns: str = "t.id", when_: str = "") -> Operation:
    """Run an UPDATE over a table in batches along its key ``id uuid``, each committed.

    Only inside of :func:`resumable`. A batch in which a user holds a row releases its rows and
    waits for a moment.

    Args:
        table: Qualified name; it is ``t`` in ``batch_columns``.
        update: The statement; the rows of the batch are ``batch``.
        batch_columns: What a row of the batch holds, ``t.id`` among them.
        when_: A condition for doing anything at all.
    """
    loop = f"""\
loop
  perform set_config('mivaa.filling', 'on', true);
  begin
    with batch as (
      select {batch_columns} from {qualified(table)} t
      where t.id >= v_last order by t.id limit {BATCH}
    ), filled as (
      {update}
    )
    select b.id into v_next from batch b order by b.id desc limit 1;
    v_tries := 0;
  exception when lock_not_available or deadlock_detected then
    v_tries := v_tries + 1;
    if v_tries > {TRIES} then
      raise;
    end if;
  end;
  commit;
  if v_tries > 0 then
    perform pg_sleep(0.05 + random() / 10);
  else
    -- A batch begins with the last row of the one before it.
    exit when v_next is null or v_next = v_last;
    v_last := v_next;
  end if;
end loop;"""
    declare = (
        "v_last uuid := '00000000-0000-0000-0000-000000000000';\n"
        "v_next uuid;\nv_tries integer := 0;"
    )
    return Operation((block(when(when_, loop) if when_ else loop, declare=declare),))


def storage(name: str, table: str, storage: str) -> SchemaObject:
    """How the column ``name`` is stored: ``plain``, ``external``, ``extended`` or ``main``.

    Raises:
        ValueError: If ``storage`` is none of these.
    """
    if storage not in _STORAGES:
        message = f"column {table}.{name}: expected storage {', '.join(_STORAGES)}, got {storage!r}"
        raise ValueError(message)
    return {"kind": "storage", "table": table, "name": name, "storage": storage}


_STORAGES = {"plain": "p", "external": "e", "extended": "x", "main": "m"}
"""How each is abbreviated in the catalog."""


def set_storage(target: SchemaObject) -> Operation:
    """Set how a column is stored from now on, and remember how it was.

    Rows that are there stay as they are; only what is written later follows.
    """
    table, column, kind = target["table"], target["name"], target["storage"]
    letter = _STORAGES[kind]
    former = (
        "(select attstorage::text from pg_catalog.pg_attribute"
        f" where attrelid = {regclass(table)} and attname = {literal(column)})"
    )
    change = (
        record("storage", f"{table}.{column}", former)
        + f"\nalter table {qualified(table)} alter column {quote(column)} set storage {kind};"
    )
    return Operation((block(when(f"{former} <> {literal(letter)}", change)),), (target,))


def reset_storage(target: SchemaObject) -> Operation:
    """Set back how a column is stored; nothing to do where the column itself goes."""
    table, column = target["table"], target["name"]
    alter = f"alter table {qualified(table)} alter column {quote(column)} set storage "
    body = f"""\
delete from mivaa.ledger where {row("storage", f"{table}.{column}")}
returning case former when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main'
  else 'extended' end into v_storage;
if found then
  execute {literal(alter)} || v_storage;
end if;"""
    return Operation((block(body, declare="v_storage text;"),), drops=(target,))


def adding(column: SchemaObject) -> str:
    """Add a column; without a default, the rows that are there have nothing to put in it."""
    table, name = column["table"], column["name"]
    has_value = column.get("generated") or default_of(column) is not None
    not_null = " NOT NULL" if has_value and not column["nullable"] else ""
    add = f"""\
alter table {qualified(table)} add column {column["definition"]}{not_null};
{commenting(column)}
{record("column", f"{table}.{name}")}"""
    return when("not " + has_column(table, name), add)


def undoing(columns: Iterable[SchemaObject]) -> str:
    """Drop those of the columns that the chain added, for a block."""
    return "\n".join(
        undo(
            "column",
            f"{c['table']}.{c['name']}",
            f"alter table {qualified(c['table'])} drop column {quote(c['name'])};",
        )
        for c in columns
    )


def commenting(column: SchemaObject) -> str:
    """Say what a column holds, for a block."""
    target = f"{qualified(column['table'])}.{quote(column['name'])}"
    return f"comment on column {target} is {literal(column['comment'])};"
