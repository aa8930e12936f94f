"""Write the data dictionary, docs/schema.md, from the models and the SQL tree; no database needed.

``python docs/generate.py`` writes it, ``--check`` only says whether it is up to date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from alembic_utils.pg_function import PGFunction
from alembic_utils.pg_policy import PGPolicy
from alembic_utils.pg_trigger import PGTrigger
from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

import mivaa_schema
from mivaa_schema.models import Base
from mivaa_schema.operations.entities import Entity, sql_files, statements

DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
SQL = Path(mivaa_schema.__file__).parent / "sql"
PAGE = Path(__file__).with_name("schema.md")

FIRST = (
    "workspaces",
    "workspace_members",
    "documents",
    "document_chunks",
    "pdf_documents",
    "processed_documents",
)
"""The tables in the order in which they are read; others follow by name."""

HEAD = """\
# Schema

Tables, columns, keys, indexes, triggers, policies and functions after `alembic upgrade head`.

`python docs/generate.py` writes this page from `mivaa_schema/models` and `mivaa_schema/sql`: edit
those. On an adopted platform, columns and keys that were there before stay as they were.
"""


def page() -> str:
    """The whole page."""
    tables = sorted(
        Base.metadata.tables.values(),
        key=lambda t: (FIRST.index(t.name) if t.name in FIRST else len(FIRST), qualified(t)),
    )
    entities = list(read_entities())
    functions = [entity for entity in entities if isinstance(entity, PGFunction)]
    parts = [HEAD, diagram(tables), "## Tables\n"]
    parts += [table_section(table, entities) for table in tables]
    parts.append(functions_section(functions))
    return "\n".join(parts).rstrip() + "\n"


def read_entities() -> Iterator[Entity]:
    """Every function, trigger and policy of the SQL tree."""
    for file in sql_files(SQL):
        yield file.entity


# The diagram


def diagram(tables: list[Table]) -> str:
    """The tables and the keys between them, as Mermaid draws them."""
    lines = ["## Diagram", "", "```mermaid", "erDiagram"]
    for table in tables:
        for key in foreign_keys(table):
            referred = key.referred_table
            optional = any(column.nullable for column in key.columns)
            one = "|o" if optional else "||"
            label = ", ".join(
                c.name for c in key.columns if c.name != "workspace_id" or len(key.columns) == 1
            )
            lines.append(
                f"  {entity_name(referred)} {one}--o{{ {entity_name(table)} : {quoted(label)}"
            )
    for table in tables:
        lines.append(f"  {entity_name(table)} {{")
        for column in table.columns:
            mark = " PK" if column.primary_key else " FK" if column.foreign_keys else ""
            lines.append(f"    {word(sql_type(column))} {column.name}{mark}")
        lines.append("  }")
    return "\n".join([*lines, "```", ""])


def entity_name(table: Table) -> str:
    """Name of a table in the diagram, where a dot is not allowed."""
    return table.name if table.schema in (None, "public") else f"{table.schema}_{table.name}"


def quoted(text: str) -> str:
    """A label of the diagram."""
    return f'"{text}"'


# Tables


def table_section(table: Table, entities: list[Entity]) -> str:
    """Everything about one table."""
    name = qualified(table)
    parts = [f"### {name}\n", f"{table.comment}\n", columns(table)]
    parts += bullets("Keys", [*primary_key(table), *map(key_line, foreign_keys(table))])
    parts += bullets("Checks", sorted(check_lines(table)))
    parts += bullets("Indexes", sorted(index_lines(table)))
    comments = comments_of("trigger")
    parts += bullets(
        "Triggers",
        [
            f"`{e.signature}`: {comments[f'{e.signature} on {name}']} Runs `{called(e)}`."
            for e in entities
            if isinstance(e, PGTrigger) and e.on_entity == name
        ],
    )
    comments = comments_of("policy")
    parts += bullets(
        "Policies",
        [
            f"`{e.signature}` ({kind_of(e)}): {comments[f'{e.signature} on {name}']}"
            for e in entities
            if isinstance(e, PGPolicy) and e.on_entity == name
        ],
    )
    parts += bullets("Privileges", privileges(f"on {name}"))
    parts += bullets("Storage", [f"`{s}`" for s in listed("storage.sql") if f" {name} " in s])
    return "\n".join(parts)


def columns(table: Table) -> str:
    """The columns, one a line."""
    lines = ["| column | type | null | default | what it holds |", "|---|---|---|---|---|"]
    for column in table.columns:
        default = f"`{default_of(column)}`" if column.server_default is not None else ""
        null = "yes" if column.nullable else "no"
        lines.append(
            f"| `{column.name}` | `{sql_type(column)}` | {null} | {default} | {column.comment} |"
        )
    return "\n".join([*lines, ""])


def sql_type(column: Column[object]) -> str:
    """Type as PostgreSQL names it."""
    text = column.type.compile(dialect=DIALECT).lower()
    return "timestamptz" if text == "timestamp with time zone" else text


def default_of(column: Column[object]) -> str:
    """Default as SQL."""
    argument = column.server_default.arg  # type: ignore[union-attr]
    return repr(argument) if isinstance(argument, str) else str(argument)


def primary_key(table: Table) -> list[str]:
    """The primary key."""
    return [f"primary key ({', '.join(column.name for column in table.primary_key)})"]


def foreign_keys(table: Table) -> list[ForeignKeyConstraint]:
    """Foreign keys in the order of their columns."""
    keys = [c for c in table.constraints if isinstance(c, ForeignKeyConstraint)]
    return sorted(keys, key=lambda key: [column.name for column in key.columns])


def key_line(key: ForeignKeyConstraint) -> str:
    """A foreign key in words."""
    own = ", ".join(column.name for column in key.columns)
    others = ", ".join(element.column.name for element in key.elements)
    line = f"({own}) references {qualified(key.referred_table)} ({others})"
    if key.ondelete:
        line += f", on delete {key.ondelete.lower()}"
    if key.onupdate:
        line += f", on update {key.onupdate.lower()}"
    return line + (", deferrable" if key.deferrable else "")


def check_lines(table: Table) -> Iterator[str]:
    """The conditions that every row meets."""
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint):
            yield f"`{constraint.sqltext}`"


def index_lines(table: Table) -> Iterator[str]:
    """The indexes, as they are created."""
    for index in table.indexes:
        text = str(CreateIndex(index).compile(dialect=DIALECT))
        definition = text.partition(" ON ")[2].partition(" ")[2]
        unique = "unique, " if index.unique else ""
        yield f"`{index.name}`: {unique}`{definition}`"


def called(trigger: PGTrigger) -> str:
    """The function that a trigger runs."""
    (name,) = re.findall(r"execute function ([\w.]+)", trigger.definition, re.IGNORECASE)
    return f"{name}()"


def kind_of(policy: PGPolicy) -> str:
    """Whether a policy is permissive or restrictive, and for which command."""
    text = policy.definition.lower()
    command = re.search(r"\bfor (all|select|insert|update|delete)\b", text)
    restrictive = re.search(r"\bas restrictive\b", text)
    return f"{'restrictive' if restrictive else 'permissive'}, {command[1] if command else 'all'}"


# Functions


def functions_section(functions: list[PGFunction]) -> str:
    """The functions that applications call, then the helpers."""
    comments = {name.partition("(")[0]: text for name, text in comments_of("function").items()}
    parts = ["## Functions\n"]
    for schema, title in (("public", "For applications"), ("mivaa", "Helpers")):
        parts += [f"### {title}: schema {schema}\n"]
        for function in functions:
            if function.schema != schema:
                continue
            name = f"{schema}.{function.signature.partition('(')[0]}"
            if name not in comments:
                message = f"function {name} has no comment: say in comments.sql what it does"
                raise click.ClickException(message)
            signature = one_line(function.signature)
            parts += [
                f"#### {name}\n",
                f"```text\n{schema}.{signature}",
                f"{returns(function)}\n```\n",
                f"{comments[name]} {properties(function)}\n",
            ]
    return "\n".join(parts)


def returns(function: PGFunction) -> str:
    """What a function returns."""
    found = re.match(r"\s*(returns\s.*?)\s*\blanguage\b", function.definition, re.I | re.S)
    if found is None:
        message = f"{function.signature}: expected `returns ...` before `language`"
        raise ValueError(message)
    return one_line(found[1])


def properties(function: PGFunction) -> str:
    """Volatility, whose rights it has, and who may call it."""
    head = function.definition.lower().partition(" as $")[0]
    volatility = next(
        (w for w in ("immutable", "stable") if re.search(rf"\b{w}\b", head)), "volatile"
    )
    rights = "its owner" if "security definer" in head else "its caller"
    name = f"{function.schema}.{function.signature.partition('(')[0]}"
    granted = [g for g in grants() if re.search(rf"\bfunction {re.escape(name)}\(", g)]
    # A grant to a role that a platform may lack is inside of a DO block, ended by a semicolon.
    callers = (
        granted[0].rpartition(" to ")[2].partition(";")[0] if granted else "nobody but the owner"
    )
    if "returns trigger" in head:
        callers = "triggers"
    return f"{volatility.capitalize()}, with the rights of {rights}; called by {callers}."


# Lists of short statements


def comments_of(kind: str) -> dict[str, str]:
    """Comments by what they are about, as the list of comments names it."""
    found = {}
    for _, statement in statements((SQL / "comments.sql").read_text(encoding="utf-8")):
        match = re.fullmatch(rf"comment on {kind} (.*?)\s+is\s+'(.*)'", statement, re.S)
        if match:
            found[one_line(match[1])] = match[2].replace("''", "'")
    return found


def grants() -> list[str]:
    """Everything that is granted."""
    return listed("grants.sql")


def listed(name: str) -> list[str]:
    """The statements of a list, each on one line."""
    path = SQL / name
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [one_line(statement) for _, statement in statements(text)]


def privileges(target: str) -> list[str]:
    """Who was granted what on a table."""
    return [
        f"{who}: {what}"
        for what, who in (
            re.fullmatch(r"grant (.*) to (.*)", g.replace(f" {target}", "")).groups()  # type: ignore[union-attr]
            for g in grants()
            if f" {target} " in g
        )
    ]


# Text


def word(text: str) -> str:
    """A text without what the diagram does not allow."""
    return re.sub(r"\W+", "_", text).strip("_")


def one_line(text: str) -> str:
    """A text on one line."""
    return re.sub(r"\s+", " ", text).replace("( ", "(").replace(" )", ")")


def qualified(table: Table) -> str:
    """Name with schema."""
    return f"{table.schema or 'public'}.{table.name}"


def bullets(title: str, lines: list[str]) -> list[str]:
    """A titled list, or nothing."""
    return [f"{title}:\n", *(f"- {line}" for line in lines), ""] if lines else []


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where the page is stale.")
def main(*, check: bool) -> None:
    """Write docs/schema.md, or check that it is up to date."""
    text = page()
    if not check:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        click.echo(
            f"{PAGE.parent.name}/{PAGE.name} is stale: run python docs/generate.py", err=True
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
