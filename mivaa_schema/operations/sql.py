"""SQL text that reads the same online, offline and in a rollback."""

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
    """Quote a name with its schema, ``public.documents``; what is quoted already stays."""
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
