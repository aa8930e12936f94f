"""SQL text that reads the same online, offline and in a rollback.

Names and strings are quoted, decisions are rendered, and what the chain remembers is recorded: in
the ledger, its changes; in ``public.migration_tracking``, the phases of the migration.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

from sqlalchemy.dialects import postgresql

API_ROLES = ("anon", "authenticated", "service_role")
"""The roles through which requests reach the database; PUBLIC is named beside them."""

EVERY_API_GRANTEE = ", ".join(("public", *API_ROLES))

# Text is stored as it was written: with the default parameter style, percent signs of defaults and
# comments would be doubled, and so would backslashes, which standard strings take as they are.
DIALECT = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
DIALECT._backslash_escapes = False

QUOTED = (
    r"(?<!\w)[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\""
    r"|(?<![\w$])(?P<tag>\$(?:[^\W\d]\w*)?\$).*?(?P=tag)|--[^\n]*|/\*.*?\*/"
)
"""A regular expression: what PostgreSQL reads as one string, quoted name or comment."""

_QUOTED_OR_LINE_END = re.compile(rf"(?P<quoted>{QUOTED})|\n(?=[^\n])", re.DOTALL)


def quote(name: str) -> str:
    """Quote a name where PostgreSQL needs it: a reserved word, mixed case, a space."""
    return str(DIALECT.identifier_preparer.quote(name))


def qualified(name: str) -> str:
    """Quote a name with its schema, ``public.documents``; what is quoted already stays.

    Raises:
        ValueError: If it has no schema: each session would look for it somewhere else.
    """
    if "." not in name:
        message = f"expected a name with its schema, such as public.{name}; got {name!r}"
        raise ValueError(message)
    return name if '"' in name else ".".join(map(quote, name.split(".", 1)))


def literal(text: str) -> str:
    """Quote text as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def regclass(name: str) -> str:
    """The table, view or index of a qualified name, as an expression; an error if it is missing."""
    return f"{literal(qualified(name))}::regclass"


def text_array(names: Iterable[str]) -> str:
    """Render names as an array literal of type text[]."""
    return f"array[{', '.join(map(literal, names))}]::text[]"


def dollar_quoted(text: str, tag: str = "mivaa") -> str:
    """Put text between dollar quotes whose tag does not occur in it."""
    tags = (f"${tag}_{n}$" if n else f"${tag}$" for n in itertools.count())
    mark = next(candidate for candidate in tags if candidate[:-1] not in text)
    return f"{mark}{text}{mark}"


def block(body: str, declare: str = "") -> str:
    """Wrap plpgsql statements in an anonymous block, for decisions that the database takes."""
    head = f"declare\n{indented(declare)}\n" if declare else ""
    return "do " + dollar_quoted(f"\n{head}begin\n{indented(body)}\nend\n")


def indented(body: str) -> str:
    """Indent statements by two spaces; strings, quoted names and comments stay as they are."""
    return _QUOTED_OR_LINE_END.sub(lambda m: m["quoted"] or "\n  ", "  " + body.strip())


def when(condition: str, then: str, otherwise: str = "") -> str:
    """Render ``if ... then ... [else ...] end if;`` around statements."""
    other = f"else\n{indented(otherwise)}\n" if otherwise.strip() else ""
    return f"if {condition} then\n{indented(then)}\n{other}end if;"


def has_column(table: str, column: str) -> str:
    """A condition: the table has this column."""
    return (
        "exists (select from pg_catalog.pg_attribute"
        f" where attrelid = to_regclass({literal(qualified(table))})"
        f" and attname = {literal(column)} and not attisdropped)"
    )


def is_nullable(table: str, column: str) -> str:
    """A condition: the column takes nulls."""
    return (
        "exists (select from pg_catalog.pg_attribute"
        f" where attrelid = {regclass(table)} and attname = {literal(column)} and not attnotnull)"
    )


def has_constraint(table: str, name: str, which: str = "") -> str:
    """A condition: the table has a constraint of this name, for which ``which`` holds too."""
    return (
        "exists (select from pg_catalog.pg_constraint"
        f" where conrelid = {regclass(table)} and conname = {literal(name)}{which})"
    )


def columns_of_key(key: str, relation: str) -> str:
    """The names behind an array of column numbers, in the order of the key, as text[]."""
    return (
        "(select array_agg(a.attname::text order by k.position)"
        f" from unnest({key}) with ordinality k (attnum, position)"
        f" join pg_catalog.pg_attribute a on a.attrelid = {relation} and a.attnum = k.attnum)"
    )


# The ledger
#
# A row is written in the transaction (for a concurrent index: just before the build) that creates
# or changes the object. ``former`` is null for what was created and holds the earlier state of what
# was changed. An object without a row was there before us and is never dropped.

CREATE_LEDGER = f"""\
create table mivaa.ledger (
  kind text not null,
  object_name text not null,
  former text,
  recorded_at timestamp with time zone not null default now(),
  constraint ledger_pkey primary key (kind, object_name)
);
comment on table mivaa.ledger is
  'What the chain created or changed; a downgrade undoes exactly this.';
comment on column mivaa.ledger.kind is
  'Class of object or property: table, column, index, acl, ...';
comment on column mivaa.ledger.object_name is 'Qualified name of the object.';
comment on column mivaa.ledger.former is 'State to restore; null where the object was created.';
comment on column mivaa.ledger.recorded_at is 'When the chain created or changed the object.';
alter table mivaa.ledger enable row level security;
create policy ledger_select on mivaa.ledger for select using (true);
comment on policy ledger_select on mivaa.ledger is 'Whoever is granted SELECT.';
revoke all on mivaa.ledger from {EVERY_API_GRANTEE}"""
# The policy admits everybody, so privileges alone decide: whoever looks for drift reads the ledger.


def create_ledger() -> list[str]:
    """The statements that create ``mivaa.ledger``, closed to everybody but its owner.

    They close the table of versions as well, which Alembic has made before the first revision:
    default privileges of the platform, for whichever role, open neither.
    """
    return [*CREATE_LEDGER.split(";\n"), revoking_all("table", "c.relkind = 'r'")]


def revoking_all(kind: str, condition: str = "true") -> str:
    """A block that takes every privilege from everybody but the owner.

    Args:
        kind: ``schema`` for schema ``mivaa``, ``table`` for the tables in it.
        condition: Which tables, of ``pg_class c``.
    """
    relation, acl, owner, source = {
        "schema": ("n.nspname", "n.nspacl", "n.nspowner", "pg_catalog.pg_namespace n"),
        "table": (
            "c.oid::regclass",
            "c.relacl",
            "c.relowner",
            "pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace",
        ),
    }[kind]
    body = f"""\
for v_grant in
  select distinct {relation} as name,
    case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end as grantee
  from {source}
  cross join lateral aclexplode({acl}) a
  where n.nspname = 'mivaa' and {condition} and a.grantee <> {owner}
loop
  execute 'revoke all on {kind} ' || v_grant.name || ' from ' || v_grant.grantee;
end loop;"""
    return block(body, declare="v_grant record;")


def revoking_from_roles(kind: str, names: Iterable[str]) -> str:
    """A plpgsql block that takes every privilege on new objects from roles of the platform's own.

    Default privileges may have given them some. API roles and PUBLIC are named where they lose
    theirs. New is what this transaction has created: a namesake of the platform's stays as it is.

    Args:
        kind: ``table`` or ``function``.
        names: Qualified names, of functions without arguments.
    """
    catalog, name, prefix, type_ = {
        "table": ("pg_class", "relname", "rel", "regclass"),
        "function": ("pg_proc", "proname", "pro", "regprocedure"),
    }[kind]
    namespace = {"table": "relnamespace", "function": "pronamespace"}[kind]
    return f"""\
declare v_grant record;
begin
  for v_grant in
    select distinct o.oid::{type_} as name, quote_ident(r.rolname) as grantee
    from pg_catalog.{catalog} o
    join pg_catalog.pg_namespace n on n.oid = o.{namespace}
    cross join lateral aclexplode(o.{prefix}acl) a
    join pg_catalog.pg_roles r on r.oid = a.grantee
    where format('%s.%s', n.nspname, o.{name}) = any ({text_array(names)})
      and o.xmin = pg_current_xact_id()::xid and a.grantee <> o.{prefix}owner
  loop
    execute format('revoke all on {kind} %s from %s', v_grant.name, v_grant.grantee);
  end loop;
end;"""


def record(kind: str, object_name: str, former: str = "null") -> str:
    """Remember an object; ``former`` is a SQL expression of type text.

    The first record wins: a second run over half-done work must not take our own state for the
    state that was there before.
    """
    return (
        "insert into mivaa.ledger (kind, object_name, former)"
        f" values ({literal(kind)}, {literal(object_name)}, {former}) on conflict do nothing;"
    )


def recorded(kind: str, object_name: str) -> str:
    """A condition: the chain created or changed this object."""
    return f"exists (select from mivaa.ledger where {row(kind, object_name)})"


def forget(kind: str, object_name: str) -> str:
    """Take the object off the ledger."""
    return f"delete from mivaa.ledger where {row(kind, object_name)};"


def undo(kind: str, object_name: str, statements: str) -> str:
    """Undo what the chain created or changed, and take it off the ledger; else do nothing."""
    return when(recorded(kind, object_name), f"{statements}\n{forget(kind, object_name)}")


def row(kind: str, object_name: str) -> str:
    """A condition: this row of the ledger."""
    return f"kind = {literal(kind)} and object_name = {literal(object_name)}"


# Phases

MIGRATION = "mivaa_integration"
"""Name under which ``public.migration_tracking`` holds the phases of this chain."""


def begin_phase(phase: str) -> str:
    """Record that the first revision of a phase is being applied."""
    return f"""\
insert into public.migration_tracking (migration_name, phase, status, started_at)
values ({literal(MIGRATION)}, {literal(phase)}, 'running', clock_timestamp())
on conflict (migration_name, phase) do update set
  status = 'running', started_at = excluded.started_at,
  completed_at = null, error_message = null"""


def complete_phase(phase: str, rollback_sql: str) -> str:
    """Record that the last revision of a phase is applied.

    ``rollback_sql`` rolls the phase back: the downgrades of its revisions, last one first.
    """
    quoted = dollar_quoted(f"\n{rollback_sql}", "rollback")
    return (
        f"select public.mark_migration_complete({literal(MIGRATION)}, {literal(phase)},\n{quoted})"
    )


def reopen_phase(phase: str) -> str:
    """Record that the last revision of a phase is downgraded while earlier ones stay."""
    return _set_status(phase, "running")


def roll_back_phase(phase: str) -> str:
    """Record that the first revision of a phase, and so the whole of it, is downgraded."""
    return _set_status(phase, "rolled_back")


def _set_status(phase: str, status: str) -> str:
    return (
        f"update public.migration_tracking set status = {literal(status)}, completed_at = null\n"
        f"where migration_name = {literal(MIGRATION)} and phase = {literal(phase)}"
    )
