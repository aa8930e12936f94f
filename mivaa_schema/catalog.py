"""What a schema consists of: read from the catalogs of a database, or as recorded by revisions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mivaa_schema import history

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

Properties = dict[str, str | None]

RECORDED = "catalog.json"


class CatalogObject(NamedTuple):
    """One object of a schema.

    Attributes:
        kind: schema, table, column, constraint, index, trigger, policy or function.
        name: Qualified name of a schema, table, index or function (with its identity arguments);
            bare name of what lies on a table.
        table: Qualified name of the table that it lies on; empty for the others.
    """

    kind: str
    name: str
    table: str = ""

    def __str__(self) -> str:
        if self.kind in ("constraint", "trigger", "policy"):
            return f"{self.kind} {self.name} on {self.table}"
        if self.kind == "column":
            return f"column {self.table}.{self.name}"
        return f"{self.kind} {self.name}"


Snapshot = dict[CatalogObject, Properties]


def snapshot(connection: Connection) -> Snapshot:
    """Read every object in ``public`` and ``mivaa``, but for what belongs to an extension.

    Only SELECTs on catalogs. Every name is qualified, whatever the search path and the rights of
    the session; those of the vector extension alone are bare, wherever it is installed. The owner
    is called ``owner``; Alembic's own table is left out. Objects of a kind come in the order in
    which they were made; that order is no part of what is compared.
    """
    connection.exec_driver_sql("set local quote_all_identifiers = off")
    former = connection.exec_driver_sql("show search_path").scalar_one()
    connection.exec_driver_sql(_SET_PATH, ("",))
    sql = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    rows = connection.exec_driver_sql(sql, execution_options={"no_parameters": True}).all()
    connection.exec_driver_sql(_SET_PATH, (former,))
    return {
        CatalogObject(kind, bare_vector(name) or "", table): {
            property_: bare_vector(value) for property_, value in properties.items()
        }
        for kind, name, table, properties in rows
    }


def recorded(revision: str) -> Snapshot:
    """The catalog of a database at a revision, as the revisions up to it have recorded it.

    Args:
        revision: Number of the revision, such as ``0006``.
    """
    found: Snapshot = {}
    for number, folder in history.folders().items():
        if number <= revision and (folder / RECORDED).exists():
            changes = json.loads((folder / RECORDED).read_text(encoding="utf-8"))
            for removed in changes["removed"]:
                found.pop(CatalogObject(**removed), None)
            for changed in changes["changed"]:
                properties = changed.pop("properties")
                found[CatalogObject(**changed)] = properties
    return found


def unrecorded(revision: str) -> list[history.SchemaObject]:
    """What the revisions up to one create and drop that have no recorded catalog yet.

    Such a revision was drafted, and its catalog is not recorded before ``mivaa-schema freeze``.
    """
    return [
        item
        for number, folder in history.folders().items()
        if number <= revision and not (folder / RECORDED).exists()
        for items in history.manifest(folder).values()
        for item in items
    ]


def write_changes(folder: Path, before: Snapshot, after: Snapshot) -> bool:
    """Record in the folder of a revision what it changes; whether the file is another now.

    Args:
        folder: The revision's folder of frozen files.
        before: The catalog before the revision.
        after: The catalog after it.
    """
    changed = [
        json.dumps({**item._asdict(), "properties": properties}, ensure_ascii=False)
        for item, properties in after.items()
        if before.get(item) != properties
    ]
    removed = [json.dumps(item._asdict()) for item in before if item not in after]
    lists = (
        f'  "{name}": [' + ",".join(f"\n    {line}" for line in lines) + ("\n  ]" if lines else "]")
        for name, lines in (("changed", changed), ("removed", removed))
    )
    text = "{\n" + ",\n".join(lists) + "\n}\n"
    path = folder / RECORDED
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.write_text(text, encoding="utf-8")
    return True


_SET_PATH = "select set_config('search_path', %s, true)"

_VECTOR_NAME = re.compile(
    r"\b\w+\.(?=(?:vector|halfvec|sparsevec)(?:_\w+_ops)?\b|<[=#+-]>"
    r"|(?:l2_normalize|l2_norm|vector_norm|vector_dims|subvector|binary_quantize)\()"
)


def bare_vector(text: str | None) -> str | None:
    """Take the schema from names of the vector extension, but leave the body of a function."""
    if text is None or "vec" not in text:
        return text
    head, body, rest = text.partition("\nAS $function")
    return _VECTOR_NAME.sub("", head) + body + rest
