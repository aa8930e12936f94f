"""SQL text that reads the same online, offline and in a rollback."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from textwrap import indent

from sqlalchemy.dialects import postgresql

API_ROLES = ("anon", "authenticated", "service_role")
"""The roles through which requests reach the database; PUBLIC is named beside them."""

EVERY_API_GRANTEE = ", ".join(("public", *API_ROLES))

# Text is stored as it was written: with the default parameter style, percent signs of defaults and
# comments would be doubled, and so would backslashes, which standard strings take as they are.
DIALECT = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
DIALECT._backslash_escapes = False


def quote(name: str) -> str:
    """Quote a name where PostgreSQL needs it: a reserved word, mixed case, a space."""
    return str(DIALECT.identifier_preparer.quote(name))


def qualified(name: str) -> str:
    """Quote a name with its schema, ``public.documents``; what is quoted already stays."""
    if '"' in name:
        return name
    return ".".join(quote(part) for part in name.split("."))


def literal(text: str) -> str:
    """Quote text as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def regclass(name: str) -> str:
    """The table, view or index of a qualified name, as an expression; an error if it is missing."""
    return f"{literal(qualified(name))}::regclass"


def text_array(names: Iterable[str]) -> str:
    """Render names as an array literal of type text[]."""
    return "array[" + ", ".join(literal(name) for name in names) + "]::text[]"


def dollar_quoted(text: str, tag: str = "mivaa") -> str:
    """Put text between dollar quotes whose tag does not occur in it."""
    tags = (f"${tag}_{n}$" if n else f"${tag}$" for n in itertools.count())
    mark = next(candidate for candidate in tags if candidate[:-1] not in text)
    return f"{mark}{text}{mark}"


def block(body: str, declare: str = "") -> str:
    """Wrap plpgsql statements in an anonymous block, for decisions that the database takes."""
    head = f"declare\n{indent(declare.strip(), '  ')}\n" if declare else ""
    return "do " + dollar_quoted(f"\n{head}begin\n{indented(body)}\nend\n")


def indented(body: str) -> str:
    """Indent statements by two spaces, but for the lines inside of a string that goes on."""
    lines, inside = [], False
    for line in body.strip().split("\n"):
        lines.append(line if inside or not line else "  " + line)
        inside ^= line.count("'") % 2 == 1
    return "\n".join(lines)


def when(condition: str, then: str, otherwise: str = "") -> str:
    """Render ``if ... then ... [else ...] end if;`` around statements."""
    text = f"if {condition} then\n{indented(then)}\n"
    if otherwise.strip():
        text += f"else\n{indented(otherwise)}\n"
    return text + "end if;"


def has_column(table: str, column: str) -> str:
    """A condition: the table has this column."""
    return (
        "exists (select from pg_catalog.pg_attribute"
        f" where attrelid = to_regclass({literal(qualified(table))})"
        f" and attname = {literal(column)} and not attisdropped)"
    )


def has_constraint(table: str, name: str) -> str:
    """A condition: the table has a constraint of this name."""
    return (
        "exists (select from pg_catalog.pg_constraint"
        f" where conrelid = {regclass(table)} and conname = {literal(name)})"
    )


def columns_of_key(key: str, relation: str) -> str:
    """The names behind an array of column numbers, in the order of the key, as text[]."""
    return (
        "(select array_agg(a.attname::text order by k.position)"
        f" from unnest({key}) with ordinality k (attnum, position)"
        f" join pg_catalog.pg_attribute a on a.attrelid = {relation} and a.attnum = k.attnum)"
    )
