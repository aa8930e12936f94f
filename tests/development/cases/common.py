"""What many cases share."""

from __future__ import annotations

from development.edits import new_table
from development.path import Check

NOTES = new_table()
"""A new table with key, timestamps and workspace; one object, so that cases can be put together."""

WORKSPACE = "6d697661-0000-4000-8000-000000000001"


def quote(text: str) -> str:
    """A string constant of SQL."""
    return "'" + text.replace("'", "''") + "'"


def inserted(table: str, expression: str, answer: object, columns: str = "") -> Check:
    """What a new row of a table that needs nothing but a workspace has in a column.

    Args:
        table: ``documents``, ``notes`` and the like.
        expression: What is returned of the row.
        answer: What that has to be.
        columns: Further columns and their values: ``a, b = 1, 2``.
    """
    names, _, values = columns.partition(" = ")
    names, values = (f", {part}" if part else "" for part in (names, values))
    return Check(
        f"insert into public.workspaces (id, name) values ('{WORKSPACE}', 'One');"
        f"insert into public.{table} (workspace_id{names}) values ('{WORKSPACE}'{values})"
        f" returning {expression}",
        answer,
    )


def comment_is(what: str, answer: str | None) -> Check:
    """The comment of a column: ``documents.title``; or of a table."""
    table, _, column = what.partition(".")
    if not column:
        return Check(f"select obj_description('public.{table}'::regclass, 'pg_class')", answer)
    return Check(
        "select col_description(attrelid, attnum) from pg_attribute"
        f" where attrelid = 'public.{table}'::regclass and attname = {quote(column)}",
        answer,
    )


def definition_of_index(name: str, fragment: str) -> Check:
    """Whether the definition of an index holds a text."""
    return Check(
        f"select position({quote(fragment)} in pg_get_indexdef('public.{name}'::regclass)) > 0",
        True,
    )


def definition_of_constraint(table: str, name: str, fragment: str) -> Check:
    """Whether the definition of a constraint holds a text."""
    return Check(
        f"select position({quote(fragment)} in pg_get_constraintdef(oid)) > 0 from pg_constraint"
        f" where conrelid = 'public.{table}'::regclass and conname = {quote(name)}",
        True,
    )
