"""Functions, triggers, policies, grants and comments, made from the frozen files of a revision."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from alembic_utils.pg_function import PGFunction
from alembic_utils.pg_policy import PGPolicy
from alembic_utils.pg_trigger import PGTrigger

from mivaa_schema import history
from mivaa_schema.operations.batch import Operation, SchemaObject
from mivaa_schema.operations.sql import (
    EVERY_API_GRANTEE,
    QUOTED,
    block,
    literal,
    qualified,
    quote,
    revoking_from_roles,
)

Entity = PGFunction | PGPolicy | PGTrigger

KINDS: dict[str, type[Entity]] = {
    "functions": PGFunction,
    "triggers": PGTrigger,
    "policies": PGPolicy,
}
"""The folder is the kind; in the order in which the kinds can be created."""

LISTS = {"grants.sql": "grant", "comments.sql": "comment"}
"""Files that hold many short statements, each ended by a semicolon, and the kind of each."""


_QUOTED = re.compile(QUOTED, re.DOTALL)


@dataclass(frozen=True)
class SqlFile:
    """A file that creates one function, trigger or policy: ``functions/mivaa.user_id.sql``."""

    path: Path

    @cached_property
    def text(self) -> str:
        """The file, byte for byte."""
        return self.path.read_bytes().decode("utf-8")

    @cached_property
    def statement(self) -> str:
        """The statement, without its semicolon."""
        return self.text.strip().removesuffix(";")

    @cached_property
    def entity(self) -> Entity:
        """The file as alembic-utils understands it.

        Raises:
            ValueError: If the file does not begin with ``create`` or cannot be understood.
        """
        if not self.text.startswith(f"create {self.kind} "):
            message = f"expected a file that begins with 'create {self.kind} '"
            raise ValueError(f"{message}, found {self.text[:30]!r}")
        if ";" in _QUOTED.sub("", self.statement):
            message = "expected one statement, found a semicolon before its end"
            raise ValueError(message)
        entity = KINDS[self.path.parent.name].from_sql(self.text)
        if not isinstance(entity, PGFunction):
            # Alembic-utils takes a table without a schema for one of public; PostgreSQL looks for
            # it in the search path of whoever runs the statement.
            written = re.search(r"\son\s+(\S+)", self.text, re.IGNORECASE)
            if written is None or written[1].replace('"', "") != entity.on_entity:
                message = f"expected the table with its schema: on {entity.on_entity}"
                raise ValueError(message)
        return entity

    @property
    def kind(self) -> str:
        """``function``, ``trigger`` or ``policy``."""
        return self.path.parent.name.replace("policies", "policys").removesuffix("s")

    @property
    def name(self) -> str:
        """What a grant or comment calls it: ``mivaa.f(name text)``, or the name on its table."""
        if isinstance(self.entity, PGFunction):
            return f"{self.qualified_name}({', '.join(self.arguments)})"
        return self.qualified_name

    @property
    def qualified_name(self) -> str:
        """Schema and name of a function; the bare name of a trigger or policy."""
        signature = str(self.entity.signature)
        if not isinstance(self.entity, PGFunction):
            return quote(signature.strip('"'))
        name = signature.partition("(")[0].strip().strip('"')
        return f"{self.entity.schema}.{quote(name)}"

    @property
    def table(self) -> str:
        """Qualified name of the table of a trigger or policy; empty for a function."""
        if isinstance(self.entity, PGFunction):
            return ""
        return qualified(str(self.entity.on_entity).replace('"', ""))

    @property
    def arguments(self) -> list[str]:
        """The arguments of a function without their defaults, as DROP, GRANT and COMMENT take them.

        Alembic-utils splits at each comma, and loses quotes.
        """
        given = split_at_commas(self.statement.partition("(")[2])
        return [_without_default(argument) for argument in given]

    @property
    def object(self) -> SchemaObject:
        """The object as a manifest holds it."""
        found: SchemaObject = {"kind": self.kind, "name": self.qualified_name.replace('"', "")}
        if self.table:
            found["table"] = self.table.replace('"', "")
        return {**found, "file": f"{self.path.parent.name}/{self.path.name}"}


def split_at_commas(text: str) -> list[str]:
    """Split a list of SQL at its commas, but for those in parentheses, brackets and quotes.

    A parenthesis that closes more than was opened ends the list.
    """
    parts, depth = [""], 0
    for found in _PIECES.finditer(text):
        piece = found[0]
        depth += (piece in "([") - (piece in ")]")
        if depth < 0:
            break
        if piece == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts if part.strip()]


_PIECES = re.compile(f"{QUOTED}|.", re.DOTALL)


def _without_default(argument: str) -> str:
    bare = re.split(r"\s+default\s|\s*:?=", argument, maxsplit=1, flags=re.IGNORECASE)[0]
    return " ".join(bare.split())


def statements(text: str) -> list[tuple[int, str]]:
    """The statements of a list, each with the number of its line; ``--`` begins a comment."""
    found, start = [], 0
    for end in [*(m.end() for m in _QUOTED_OR_END.finditer(text) if m[0] == ";"), len(text)]:
        given = text[start:end]
        bare = _LEADING_COMMENTS.sub("", given)
        if bare.strip():
            line = text.count("\n", 0, end - len(bare)) + 1
            found.append((line, bare.removesuffix(";").strip()))
        start = end
    return found


_QUOTED_OR_END = re.compile(f"{QUOTED}|;", re.DOTALL)
_LEADING_COMMENTS = re.compile(r"\A(\s+|--[^\n]*)+")


def create_functions(*files: SqlFile, again: bool = False) -> Operation:
    """Create functions, in this order, executable by their owner alone until they are granted.

    With ``again``, a run that was interrupted may have created them already.
    """
    sent: list[str] = [_LOAD_VECTOR]
    for file in files:
        sent.append(_or_replace(file) if again else file.statement)
        sent.append(f"revoke all on function {file.name} from {EVERY_API_GRANTEE}")
    names = [file.name.partition("(")[0].replace('"', "") for file in files]
    sent.append(block(revoking_from_roles("function", names)))
    return Operation(tuple(sent), _objects(files))


def replace_functions(*files: SqlFile) -> Operation:
    """Put other bodies in the place of functions; their privileges and comments stay."""
    return Operation((_LOAD_VECTOR, *map(_or_replace, files)), _objects(files))


def create_triggers(*files: SqlFile) -> Operation:
    """Create triggers, or replace those of the same name on the same table."""
    return Operation(tuple(map(_or_replace, files)), _objects(files))


def create_policies(*files: SqlFile) -> Operation:
    """Create policies, in this order."""
    return Operation(tuple(file.statement for file in files), _objects(files))


def drop_files(*files: SqlFile) -> Operation:
    """Drop functions, triggers and policies; an interrupted run may lack some."""
    sent = (
        f"drop {f.kind} if exists {f.name}" + (f" on {f.table}" if f.table else "") for f in files
    )
    return Operation(tuple(sent), drops=_objects(files))


def revocation(grant: str) -> str:
    """The statement that revokes what a GRANT gives."""
    what, _, whom = grant.removeprefix("grant ").rpartition(" to ")
    return f"revoke {what} from {whom}"


def uncommenting(comment: str) -> str:
    """The statement that clears what COMMENT says."""
    return f"{comment_target(comment)} is null"


def comment_target(comment: str) -> str:
    """What stands before the text of a comment: ``comment on function mivaa.user_id()``."""
    match = re.match(r"""((?:[^'"]|"[^"]*")+?)\s+is\s""", comment)
    return " ".join(match[1].split()) if match else comment


class FrozenSQL:
    """The frozen files of a revision, given by its ``__file__``, or of another of that folder.

    A downgrade makes older definitions from the folder of the older revision.
    """

    def __init__(self, revision_file: str, revision: str | None = None) -> None:
        path = Path(revision_file)
        if revision is not None:
            (path,) = path.parent.glob(f"{revision}_*.py")
        self.folder = path.with_suffix("")

    def function(self, name: str) -> SqlFile:
        """The function ``mivaa.user_id``."""
        return SqlFile(self.folder / "functions" / f"{name}.sql")

    def trigger(self, name: str) -> SqlFile:
        """The trigger ``documents.updated_at``, by its table and task."""
        return SqlFile(self.folder / "triggers" / f"{name}.sql")

    def policy(self, name: str) -> SqlFile:
        """The policy ``documents.select``, by its table and command."""
        return SqlFile(self.folder / "policies" / f"{name}.sql")

    def statements(self, name: str) -> list[str]:
        """The statements of a list such as ``grants.sql``."""
        return [statement for _, statement in statements(self.text(name))]

    def run_list(self, name: str) -> Operation:
        """Everything that a list such as ``grants.sql`` says."""
        return listed(name, *self.statements(name))

    def text(self, name: str) -> str:
        """The whole text of a file in the folder."""
        return (self.folder / name).read_text(encoding="utf-8")

    def object(self, kind: str, name: str, table: str = "") -> SchemaObject:
        """An object of the revision's manifest.

        Raises:
            LookupError: If the revision creates no such object.
        """
        for item in self._created():
            if history.key(item) == (kind, table, name):
                return item
        names = [item["name"] for item in self._created() if item["kind"] == kind]
        on = f" on {table}" if table else ""
        message = (
            f"revision {self.folder.name} creates no {kind} {name}{on}; expected one of:"
            f" {', '.join(names) or 'nothing of that kind'}"
        )
        raise LookupError(message)

    def columns(self, table: str) -> list[SchemaObject]:
        """The columns of a table that the revision's manifest has, but for the key."""
        return [
            o
            for o in self._created()
            if o["kind"] == "column" and o["table"] == table and not o.get("primary_key")
        ]

    def _created(self) -> list[dict[str, Any]]:
        return history.manifest(self.folder)["creates"]


def listed(name: str, *given: str) -> Operation:
    """Statements of a list: of ``grants.sql`` or ``comments.sql``."""
    kind = LISTS[name]
    return Operation(given, tuple({"kind": kind, "name": statement} for statement in given))


def unlisted(name: str, *given: str) -> Operation:
    """Undo statements of a list, last one first: revoke what was granted, clear what was said."""
    undoing = revocation if name == "grants.sql" else uncommenting
    dropped = ({"kind": LISTS[name], "name": statement} for statement in given)
    return Operation(tuple(map(undoing, reversed(given))), drops=tuple(dropped))


def _or_replace(file: SqlFile) -> str:
    return "create or replace " + file.statement.removeprefix("create ")


def _objects(files: tuple[SqlFile, ...]) -> tuple[SchemaObject, ...]:
    return tuple(file.object for file in files)


def rollback_of(revision_file: str, *revisions: str) -> str:
    """The frozen downgrades of revisions, in the order of execution, as one script."""
    return "\n".join(FrozenSQL(revision_file, one).text(history.ROLLBACK) for one in revisions)


def sql_files(folder: Path) -> Iterator[SqlFile]:
    """The files of a tree that create something, in the order in which the kinds can be created."""
    for kind in KINDS:
        yield from map(SqlFile, sorted((folder / kind).glob("*.sql")))


# Loads the library, whose settings a function's SET clause may name. Until it is loaded they are
# unknown to the session, and only a superuser may set what is unknown.
_LOAD_VECTOR = f"select {literal('[1]')}::vector"
