"""What autogenerate proposes: what the present has otherwise than the database, of what is ours.

The present is built beside what is there, in a savepoint that is rolled back, and PostgreSQL
describes both in the same words. So nothing has to be normalised, and whatever the catalogs know
is seen: conditions of checks, operator classes, privileges, comments, a switched-off row-level
security. The time it takes grows with the schema, not with its square.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic.autogenerate import renderers
from alembic.runtime.plugins import Plugin
from alembic.script import write_hooks
from alembic.util import CommandError, PriorityDispatchResult
from alembic_utils.pg_function import PGFunction
from sqlalchemy import exc, text

from mivaa_schema import entities, freeze, present
from mivaa_schema.catalog import CatalogObject, snapshot
from mivaa_schema.draft import Change, Draft, api_privileges
from mivaa_schema.errors import ComparisonFailed, NotUpgraded, SqlFileRefused
from mivaa_schema.migrations import describe, recorded_revisions
from mivaa_schema.operations.entities import identity_arguments
from mivaa_schema.operations.frozen import read_entity

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.operations.ops import MigrationScript, UpgradeOps
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from alembic_utils.pg_policy import PGPolicy
    from alembic_utils.pg_trigger import PGTrigger
    from sqlalchemy.engine import Connection

    from mivaa_schema.catalog import Properties, Snapshot
    from mivaa_schema.freeze import Copy
    from mivaa_schema.operations.frozen import Entity
    from mivaa_schema.settings import Settings

NAME = "mivaa_schema"
"""Name of the plugin that compares, and of the hook that completes a written revision."""

COMMAND = "retrieve_migrations"
"""What Alembic calls its work in ``check`` and ``revision``."""

ENTITY_KINDS = frozenset({"function", "trigger", "policy"})

# Of no interest to a revision: an adopted row that breaks a rule, a build that was cut off, a
# trigger that somebody has switched off.
_STATES = frozenset({"validated", "valid", "enabled"})


def options(settings: Settings) -> dict[str, Any]:
    """What env.py tells Alembic, so that it compares as described here."""
    return {
        "autogenerate_plugins": [NAME],
        "process_revision_directives": number_and_draft,
        "mivaa_entities": settings.entities != "skip",
    }


def refuse_without_revision(connection: Connection, head: str | None) -> None:
    """Refuse a database that was never upgraded, before Alembic makes a table there.

    Raises:
        NotUpgraded: If the database has no revision.
    """
    if not recorded_revisions(connection):
        raise NotUpgraded(head=head)


def find_changes(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """The comparison, as Alembic calls it."""
    assert context.connection is not None  # noqa: S101 - autogenerate works online
    with_entities = bool(context.opts.get("mivaa_entities", True))
    upgrade_ops.ops.extend(changes(context.connection, with_entities=with_entities))
    return PriorityDispatchResult.CONTINUE


Plugin(NAME).add_autogenerate_comparator(find_changes, "autogenerate")


def changes(connection: Connection, *, with_entities: bool = True) -> list[Change]:
    """What has to be done to the database to make of it the present.

    Args:
        connection: As the owner of the tables. What is done is rolled back, but the tables are
            locked until then: nothing for a database with users on it.
        with_entities: Without it, functions, triggers and policies are left out.

    Raises:
        SqlFileRefused: If the database does not accept a present SQL file.
        ComparisonFailed: If the comparison is not possible for another reason.
    """
    try:
        return _Comparison(connection, with_entities=with_entities).changes()
    except exc.DBAPIError as error:
        raise ComparisonFailed(detail=describe(error)) from error


@dataclass
class _Comparison:
    connection: Connection
    with_entities: bool
    live: Snapshot = field(init=False)
    wanted: Snapshot = field(init=False)
    ledger: set[tuple[str, str]] = field(init=False)
    frozen: dict[CatalogObject, Copy] = field(init=False)
    files: dict[CatalogObject, Path] = field(init=False)
    rollbacks: str = field(init=False)
    """What the downgrades do, which names everything that the chain may have made."""

    def changes(self) -> list[Change]:
        rows = self.connection.exec_driver_sql("select kind, object_name from mivaa.ledger")
        self.ledger = {(kind, object_name) for kind, object_name in rows}
        folders = freeze.folders().values()
        rollbacks = [folder / freeze.ROLLBACK for folder in folders]
        self.rollbacks = "".join(p.read_text(encoding="utf-8") for p in rollbacks if p.exists())
        copies = freeze.copies()
        self.live = snapshot(self.connection)
        self.frozen = {self._in_database(c[-1].entity): c[-1] for c in copies.values()}
        self.wanted = self._present({name for kind, name in (*copies, *entities.files())})
        self.files = {
            self._in_present(read_entity(path)): path for path in entities.files().values()
        }
        found = [
            change
            for item in {**self.wanted, **self.live}
            if self._is_ours(item) and (change := self._change(item))
        ]
        return [*found, *self._in_the_way(found)]

    def _present(self, names: set[str]) -> Snapshot:
        """The present, built where what may be ours has been put aside, and rolled back.

        What is not ours stays where it is and reads the same before and after.
        """
        tables = {present.name_of(table) for table in present.TABLES}
        tables |= {object_name for kind, object_name in self.ledger if kind == "table"}
        with self.connection.begin_nested() as savepoint:
            present.run(
                self.connection,
                "alter schema mivaa rename to mivaa_aside",
                "create schema mivaa_aside_public",
            )
            for item in self.live:
                if not item.name.startswith("public."):
                    continue
                if item.kind == "table" and item.name in tables:
                    aside = f"table {item.name}"
                elif item.kind == "function" and item.name.partition("(")[0] in names:
                    aside = f"routine {item.name}"
                else:
                    continue
                present.run(self.connection, f"alter {aside} set schema mivaa_aside_public")
            present.build(self.connection, with_entities=self.with_entities)
            built = snapshot(self.connection)
            savepoint.rollback()
        return built

    def _is_ours(self, item: CatalogObject) -> bool:
        """Whether the database may be changed so that this is as in the present.

        What an adopted platform brought along is its own: it is neither dropped nor changed, and
        what the chain left off there, because rows or rules of the platform forbid it, is not
        proposed again.
        """
        if item.kind in ENTITY_KINDS and not self.with_entities:
            return False
        table = item.name if item.kind == "table" else item.table
        created = self._is_created(item)
        only_live, only_wanted = item not in self.wanted, item not in self.live
        if only_wanted and table and CatalogObject("table", table) not in self.live:
            return True
        if item.kind == "function":
            return created or not only_live or item in self.frozen
        if item.kind in ("trigger", "policy"):
            if only_wanted:
                return created or self._is_edited(item)
            return not only_live or item in self.frozen
        if item.kind in ("table", "column") and only_wanted:
            return True
        object_name = item.name if item.kind in ("table", "index") else f"{table}.{item.name}"
        if only_wanted and not created:
            return f"'{object_name}'" not in self.rollbacks
        return created or (item.kind, object_name) in self.ledger

    def _is_created(self, item: CatalogObject) -> bool:
        """Whether the chain created the table on which it lies, or the schema."""
        table = item.name if item.kind == "table" else item.table
        return ("table", table) in self.ledger or (table or item.name).startswith("mivaa")

    def _change(self, item: CatalogObject) -> Change | None:
        if item not in self.live or item not in self.wanted:
            return self._describe(item, set(), recreate=False)
        facts = _differing(self.live[item], self.wanted[item])
        if self._is_edited(item):
            facts.add("definition")
        if item.kind == "column" and not self._is_created(item):
            # Rows that were there have nothing to put in a column that was added.
            facts.discard("nullable")
        if not facts:
            return None
        recreate = "definition" in facts and (
            item.kind == "policy" or (item.kind == "function" and self._is_incompatible(item))
        )
        return self._describe(item, facts, recreate=recreate)

    def _describe(self, item: CatalogObject, facts: set[str], *, recreate: bool) -> Change:
        return Change(
            item,
            self.live.get(item, {}),
            self.wanted.get(item, {}),
            facts=frozenset(facts),
            file=self.files.get(item),
            former=self.frozen.get(item),
            recreate=recreate,
        )

    def _is_edited(self, item: CatalogObject) -> bool:
        """Whether the file of an entity is another than its newest frozen copy."""
        path, copy = self.files.get(item), self.frozen.get(item)
        if path is None:
            return False
        return copy is None or copy.path.read_bytes() != path.read_bytes()

    def _is_incompatible(self, item: CatalogObject) -> bool:
        """Whether a function differs in what ``create or replace`` cannot change."""
        with self.connection.begin_nested() as savepoint:
            present.run(self.connection, "set local check_function_bodies = off")
            try:
                present.create(self.connection, self.files[item], replace=True)
            except SqlFileRefused as error:
                if error.fields["code"] != _INVALID_FUNCTION_DEFINITION:
                    raise
                return True
            finally:
                savepoint.rollback()
        return False

    def _in_the_way(self, found: list[Change]) -> list[Change]:
        """Triggers and policies that use a function which has to be dropped."""
        dropped = [c.item.name for c in found if c.item.kind == "function" and c.drops]
        users = self.connection.execute(text(_USERS_OF_FUNCTIONS), {"names": dropped})
        items = {CatalogObject(kind, name, table) for kind, name, table in users}
        return [
            self._describe(item, {"definition"}, recreate=True)
            for item in sorted(items - {change.item for change in found})
            if item in self.files and self._is_ours(item)
        ]

    def _in_database(self, entity: Entity) -> CatalogObject:
        """What a frozen entity is called in the catalogs, as long as it is there."""
        if not isinstance(entity, PGFunction):
            return _on_table(entity)
        name = f"{_name_of(entity)}({', '.join(_input_types(entity))})"
        row = self.connection.execute(text(_NAME_OF_FUNCTION), {"signature": name})
        return CatalogObject("function", str(row.scalar() or name))

    def _in_present(self, entity: Entity) -> CatalogObject:
        """What a present entity is called in the catalogs; a function has no overloads there."""
        if not isinstance(entity, PGFunction):
            return _on_table(entity)
        name = f"{_name_of(entity)}("
        return next(
            (i for i in self.wanted if i.kind == "function" and i.name.startswith(name)),
            CatalogObject("function", name + ")"),
        )


def _name_of(function: PGFunction) -> str:
    return f"{function.schema}.{function.signature.partition('(')[0].strip()}"


def _input_types(function: PGFunction) -> list[str]:
    """The types by which PostgreSQL finds a function: without names, modes and results."""
    arguments = [a for a in identity_arguments(function).split(", ") if a]
    arguments = [re.sub(r"\A(in|inout|variadic) ", "", a) for a in arguments]
    return [a.partition(" ")[2] for a in arguments if not a.startswith("out ")]


def _on_table(entity: PGPolicy | PGTrigger) -> CatalogObject:
    return CatalogObject(str(entity.type_), str(entity.signature), str(entity.on_entity))


def _differing(live: Properties, wanted: Properties) -> set[str]:
    """The facts that differ, of privileges only those of the API roles and PUBLIC."""
    differing = {fact for fact in live if live[fact] != wanted[fact]} - _STATES
    if "acl" in differing and api_privileges(live["acl"]) == api_privileges(wanted["acl"]):
        differing.remove("acl")
    return differing


_INVALID_FUNCTION_DEFINITION = "42P13"

_NAME_OF_FUNCTION = """
select format('%I.%I(%s)', n.nspname, f.proname, pg_get_function_identity_arguments(f.oid))
from pg_proc f join pg_namespace n on n.oid = f.pronamespace
where f.oid = to_regprocedure(:signature)"""

_USERS_OF_FUNCTIONS = """
with dropped as (
  select f.oid from pg_proc f join pg_namespace n on n.oid = f.pronamespace
  where format('%I.%I(%s)', n.nspname, f.proname, pg_get_function_identity_arguments(f.oid))
    = any(:names)
), users as (
  select d.classid, d.objid from pg_depend d join dropped on dropped.oid = d.refobjid
  where d.refclassid = 'pg_proc'::regclass
)
select 'policy', quote_ident(p.polname), format('%I.%I', n.nspname, c.relname)
from users u join pg_policy p on p.oid = u.objid and u.classid = 'pg_policy'::regclass
join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
union
select 'trigger', quote_ident(t.tgname), format('%I.%I', n.nspname, c.relname)
from users u join pg_trigger t on t.oid = u.objid and u.classid = 'pg_trigger'::regclass
join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace"""


@renderers.dispatch_for(Change)
def render(_: AutogenContext, change: Change) -> str:
    """A change as it shows in messages of tools; the draft of a revision says more."""
    return f"# {' '.join(change.to_diff_tuple())}"


def number_and_draft(
    context: MigrationContext, _: object, directives: list[MigrationScript]
) -> None:
    """Give a new revision the next number, and draft both halves in the form of the house."""
    if not directives:
        return
    (directive,) = directives
    opts = context.opts
    if not _writes_revision(context):
        return
    command = opts["revision_context"].command_args
    operations = directive.upgrade_ops.ops if directive.upgrade_ops else []
    found = [change for change in operations if isinstance(change, Change)]
    if command["autogenerate"] and not found:
        opts["revision_context"].config.print_stdout("Nothing has changed: no revision is written.")
        directives.clear()
        return
    if not command["message"]:
        raise CommandError(
            "The revision has no name. Say what it does: alembic revision --autogenerate -m '...'"
        )
    script: ScriptDirectory = opts["script"]
    if not command["rev_id"]:
        directive.rev_id = f"{int(script.get_current_head() or 0) + 1:04d}"
    draft = Draft(str(directive.rev_id), command["message"], found)
    opts["template_args"]["draft"] = draft
    write_hooks.register(NAME)(lambda path, _: complete(Path(path), draft))


def _writes_revision(context: MigrationContext) -> bool:
    """Whether this is ``alembic revision``; ``alembic check`` calls its work by the same name."""
    return "revision" in getattr(context._migrations_fn, "__qualname__", "")


def complete(path: Path, draft: Draft) -> None:
    """Lay the frozen files beside a revision that has been written, and format it."""
    draft.write_files(path.with_suffix(""))
    if importlib.util.find_spec("ruff"):
        for verb in (["check", "--fix", "--quiet"], ["format", "--quiet"]):
            ruff = [sys.executable, "-m", "ruff", *verb, str(path)]
            subprocess.run(ruff, check=False)  # noqa: S603 - our own arguments
    rollback = path.with_suffix("") / freeze.ROLLBACK
    rollback.write_text(freeze.rollback_sql(draft.revision), encoding="utf-8")
