"""What the chain will create or build on, read from the models and from the frozen files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pgvector.sqlalchemy import VECTOR
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Integer,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import CreateIndex
from sqlalchemy.types import TypeEngine

from mivaa_schema.models import Base
from mivaa_schema.operations.frozen import history_folder, read_entity
from mivaa_schema.operations.sql import DIALECT

Item = dict[str, Any]

WRITTEN_BY_THE_CHAIN: dict[tuple[str, str], int | None] = {
    ("migration_tracking", "migration_name"): 40,
    ("migration_tracking", "phase"): 40,
    ("migration_tracking", "status"): 20,
    ("migration_tracking", "error_message"): None,
    ("migration_tracking", "rollback_sql"): None,
    ("documents", "embedding_migration_status"): 20,
    ("documents", "embedding_model"): 100,
    ("document_chunks", "embedding_migration_status"): 20,
    ("document_chunks", "embedding_model"): 100,
}
"""Text columns that we write: characters that a limited type must leave room for, None for all."""

_ACTIONS = {"CASCADE": "c", "SET NULL": "n", "SET DEFAULT": "d", "RESTRICT": "r", "NO ACTION": "a"}


@cache
def versions_folder() -> Path:
    """The folder of the revisions."""
    return history_folder() / "versions"


@cache
def head() -> str:
    """The last revision; the chain is straight and numbered."""
    return max(path.name[:4] for path in versions_folder().glob("[0-9]*_*.py"))


@cache
def revision_of() -> dict[tuple[str, str], str]:
    """The revision that creates an object, by the kind and object_name under which it is recorded.

    A revision that may create something can take it back, so its frozen downgrade names it.
    """
    found: dict[tuple[str, str], str] = {}
    for path in sorted(versions_folder().glob("*/rollback.sql")):
        text = path.read_text(encoding="utf-8")
        for kind, object_name in re.findall(r"kind = '(\w+)' and object_name = '([^']+)'", text):
            found.setdefault((kind, object_name), path.parent.name[:4])
    return found


def our_tables() -> Iterator[tuple[Table, str, str]]:
    """Tables that the chain adopts or creates, each with its qualified name and its revision."""
    for table in Base.metadata.sorted_tables:
        relation = qualified(table)
        if (table.schema or "public") == "public" and ("table", relation) in revision_of():
            yield table, relation, revision_of()["table", relation]


def qualified(table: Table) -> str:
    """The name of a table with its schema."""
    return f"{table.schema or 'public'}.{table.name}"


def tables() -> list[Item]:
    """Tables."""
    return [
        {"relation": relation, "name": str(table.name), "revision": revision, "pending": True}
        for table, relation, revision in our_tables()
    ]


def columns() -> list[Item]:
    """Columns, with their type, a pattern of the types that will do, and room for what we write."""
    return [
        {
            "relation": relation,
            "column_name": str(column.name),
            "type": _ddl(column.type),
            "accepted": accepted(table.name, column),
            "room": WRITTEN_BY_THE_CHAIN.get((table.name, column.name)) or 0,
            "value": _default(column),
            "revision": revision_of().get(("column", f"{relation}.{column.name}"), revision),
        }
        for table, relation, revision in our_tables()
        for column in table.columns
    ]


def vectors() -> list[Item]:
    """Columns that hold embeddings."""
    return [item for item in columns() if item["type"].startswith("vector")]


def accepted(table: str, column: Column[Any]) -> str:
    """A regular expression for the types, as PostgreSQL prints them, that a column may have."""
    type_ = column.type
    if isinstance(type_, VECTOR):
        return rf"^(\w+\.)?vector\({type_.dim}\)$"
    # Each before the type that it is a kind of.
    for kind, pattern in (
        (Uuid, "^uuid$"),
        (BigInteger, "^(bigint|integer)$"),
        (Integer, "^integer$"),
        (DateTime, r"^timestamp(\(\d\))? with time zone$"),
        (JSONB, "^jsonb$"),
    ):
        if isinstance(type_, kind):
            return pattern
    if not isinstance(type_, Text):
        message = f"{table}.{column.name}: say here which types will do for {type_!r}"
        raise TypeError(message)
    limited = WRITTEN_BY_THE_CHAIN.get((table, column.name), 0) is not None
    return "^(text|character varying" + (r"(\(\d+\))?" if limited else "") + ")$"


def indexes() -> list[Item]:
    """Indexes, each with everything that follows the table in its definition."""
    found = []
    for table, relation, revision in our_tables():
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            text = " ".join(str(CreateIndex(index).compile(dialect=DIALECT)).split())
            object_name = f"public.{index.name}"
            found.append(
                {
                    "relation": relation,
                    "name": str(index.name),
                    "is_unique": index.unique,
                    "definition": re.sub(r"^CREATE (UNIQUE )?INDEX \S+ ON \S+ ", "", text),
                    "revision": revision_of().get(("index", object_name), revision),
                }
            )
    return found


def keys() -> list[Item]:
    """Foreign keys; ``column_name`` is the column that points, a workspace beside it only follows.

    The action is a letter as in ``pg_constraint.confdeltype``.
    """
    found = []
    for table, relation, revision in our_tables():
        for key in sorted(table.foreign_key_constraints, key=_name_of):
            name = _name_of(key)
            action = (key.ondelete or "NO ACTION").partition(" (")[0]
            found.append(
                {
                    "relation": relation,
                    "name": name,
                    "key": [str(column.name) for column in key.columns],
                    "column_name": str(list(key.columns)[-1].name),
                    "target": qualified(key.referred_table),
                    "action": _ACTIONS[action],
                    "action_name": action.lower(),
                    "revision": revision_of().get(("constraint", f"{relation}.{name}"), revision),
                }
            )
    return found


def checks() -> list[Item]:
    """Checks that a column holds one of a closed set of values."""
    found = []
    for table, relation, revision in our_tables():
        for check in table.constraints:
            closed_set = isinstance(check, CheckConstraint) and re.match(
                r"(\w+) in \((.*)\)$", str(check.sqltext)
            )
            if closed_set:
                name = _name_of(check)
                found.append(
                    {
                        "relation": relation,
                        "name": name,
                        "column_name": closed_set[1],
                        "allowed": re.findall("'([^']*)'", closed_set[2]),
                        "revision": revision_of().get(
                            ("constraint", f"{relation}.{name}"), revision
                        ),
                    }
                )
    return sorted(found, key=lambda item: (item["relation"], item["name"]))


def functions() -> list[Item]:
    """Functions, by schema and name."""
    return [
        {"schema_name": schema, "name": name, "revision": revision}
        for path, revision in _frozen("functions")
        for schema, _, name in [path.stem.partition(".")]
    ]


def triggers() -> list[Item]:
    """Triggers, by table and name."""
    return [_on_table(path, revision) for path, revision in _frozen("triggers")]


def policies() -> list[Item]:
    """Policies, by table and name."""
    return [_on_table(path, revision) for path, revision in _frozen("policies")]


def _frozen(kind: str) -> list[tuple[Path, str]]:
    """The first frozen copy of each entity of a kind, and its revision."""
    first: dict[str, tuple[Path, str]] = {}
    for path in sorted(versions_folder().glob(f"*/{kind}/*.sql")):
        first.setdefault(path.name, (path, path.parents[1].name[:4]))
    return [first[name] for name in sorted(first)]


def _on_table(path: Path, revision: str) -> Item:
    entity: Any = read_entity(path)
    return {"relation": entity.on_entity, "name": entity.signature, "revision": revision}


def _name_of(constraint: Any) -> str:
    return str(DIALECT.identifier_preparer.format_constraint(constraint))


def _ddl(type_: TypeEngine[Any]) -> str:
    return type_.compile(dialect=DIALECT).lower()


def _default(column: Column[Any]) -> str | None:
    default: Any = column.server_default
    return None if default is None else str(getattr(default.arg, "text", default.arg))
