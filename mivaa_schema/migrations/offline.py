"""Renders upgrades and downgrades as a script for psql, which checks before it changes anything."""

from __future__ import annotations

import functools
from importlib import metadata
from typing import TYPE_CHECKING, Any

from alembic import context

from mivaa_schema import migrations, platform, preflight
from mivaa_schema.errors import MivaaError
from mivaa_schema.migrations import runner
from mivaa_schema.operations.batch import REVISION, run
from mivaa_schema.operations.sql import block, literal, text_array, when
from mivaa_schema.platform import AuthSchemaMissing, VectorMissing, VectorTooOld

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from alembic.runtime.migration import MigrationContext, RevisionStep

    from mivaa_schema.settings import Settings


class NotOffline(MivaaError):
    """`alembic {name} --sql` is refused: only upgrades and downgrades can be scripts. Nothing in a
    script can tell whether the schema is at that revision.
    """


def run_script(settings: Settings, name: str) -> None:
    """Print a whole script: header, checks, and each revision in a transaction of its own.

    Raises:
        NotOffline: The command is neither an upgrade nor a downgrade.
    """
    if name not in ("upgrade", "downgrade"):
        raise NotOffline(name=name.removeprefix("do_"))
    steps: list[RevisionStep] = []
    original: Callable[..., Iterable[RevisionStep]] = context.get_context().opts["fn"]

    def checked(heads: Any, of: MigrationContext) -> Iterator[RevisionStep]:
        """Let each revision check first that the one before it is recorded.

        A program that goes on after an error would else run a revision on what a failed one has
        left.
        """
        for step in steps:
            check = _check_revision(step.from_revisions, step.to_revisions, [step])
            step.migration_fn = _behind(check, step.migration_fn)
            yield step

    context.configure(
        dialect_name="postgresql",
        dialect_opts={"paramstyle": "named"},
        literal_binds=True,
        transactional_ddl=True,
        mivaa_timeouts=migrations.timeouts(settings),
        mivaa_lock_members=settings.lock_members,
        fn=checked,
        **runner.OPTIONS,
    )
    start = context.get_context().get_current_heads()
    steps.extend(original(start, context.get_context()))
    goal = steps[-1].to_revisions if steps else start
    # Half of a script on top of a failed half is worse than either.
    context.static_output(_header(settings, ", ".join(start), ", ".join(goal)))
    context.static_output("\\set ON_ERROR_STOP on")
    _print(_check_revision(start, goal, steps))
    if name == "upgrade":
        _print(*check_platform())
    _print(*migrations.session_settings(migrations.timeouts(settings)))
    if not start:
        _print(preflight.offline(lock_members=settings.lock_members))
        _print(*migrations.MAKE_PRIVATE_SCHEMA)
    context.run_migrations()
    if not goal:
        _print(*migrations.DROP_PRIVATE_SCHEMA)
    _print(migrations.NOTIFY_API)


def _print(*statements: str) -> None:
    for statement in statements:
        context.static_output(f"{statement};")


def _header(settings: Settings, start: str, goal: str) -> str:
    try:
        version = metadata.version("mivaa-schema")
    except metadata.PackageNotFoundError:
        version = "(not installed)"
    members = "yes" if settings.lock_members else "no"
    return f"""\
-- mivaa-schema {version}: takes the schema from revision {start or "base"} to {goal or "base"}.
--
-- Run it with psql, as the role that owns the tables (on Supabase: postgres):
--   psql -X -v ON_ERROR_STOP=1 -f FILE "postgresql://..."
-- Not with --single-transaction and not through a transaction pooler: each revision commits by
-- itself, and indexes are built concurrently.
--
-- It checks the database first and ends before it has changed anything where it does not fit. At a
-- lock timeout it ends too; what was done stays. Go on with a script that begins at the revision in
-- mivaa.alembic_version, or with `alembic upgrade head`.
--
-- Settings of this script: lock_timeout {settings.lock_timeout:g} s, build_timeout \
{settings.build_timeout:g} s, lock_members {members}."""


def _behind(statement: str, migration: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(migration)  # Alembic says "upgrade" or "downgrade" by its name.
    def run_both(**arguments: Any) -> None:
        run(statement)
        migration(**arguments)

    return run_both


def _check_revision(start: Sequence[str], end: Sequence[str], steps: list[RevisionStep]) -> str:
    """The block that ends a script on a database that is not where the script begins.

    An upgrade that begins with an interrupted revision completes it; no other may be interrupted.
    """
    expected, goal = (", ".join(revisions) for revisions in (start, end))
    resumed = ", ".join(steps[0].to_revisions) if steps and steps[0].is_upgrade else ""
    refuse = f"""\
raise exception 'the database is at revision %, expected was %',
  coalesce(v_recorded, 'none'), {literal(expected or "none")}
  using errcode = 'object_not_in_prerequisite_state',
        hint = case when v_recorded is not distinct from {literal(goal) if goal else "null"}
          then 'It is already where this script leads: there is nothing to do.'
          else 'Run a script that begins there; this one has changed nothing.' end;"""
    interrupted = """\
raise exception 'revision % is interrupted', v_interrupted
  using errcode = 'object_not_in_prerequisite_state',
        hint = 'Complete it with "alembic upgrade" or revert it with "alembic downgrade".';"""
    wanted = literal(expected) if expected else "null"
    body = f"""\
if to_regclass('mivaa.alembic_version') is not null then
  select string_agg(version_num, ', ') into v_recorded from mivaa.alembic_version;
end if;
{when(f"v_recorded is distinct from {wanted}", refuse)}
if to_regclass('mivaa.ledger') is not null then
  select object_name into v_interrupted from mivaa.ledger
  where kind = {literal(REVISION)} and object_name <> {literal(resumed)};
end if;
{when("v_interrupted is not null", interrupted)}"""
    return block(body, declare="v_recorded text;\nv_interrupted text;")


def check_platform() -> list[str]:
    """The blocks that end a script where the platform or pgvector is missing.

    They say what ``platform.check_server`` says online.
    """
    missing = f"""\
select string_agg(p.part, ', ' order by p.position) into v_missing
from unnest({text_array(platform.PARTS)}) with ordinality p (part, position)
where p.part not in ({platform.PARTS_PRESENT.strip()});
{when("v_missing is not null", _raise(AuthSchemaMissing(missing=_SLOT), "v_missing"))}"""
    oldest = ", ".join(str(figure) for figure in platform.OLDEST_VECTOR)
    remedy = "Install a later pgvector on the server, or run: alter extension vector update;"
    absent = VectorMissing(major=_SLOT)
    major = "split_part(current_setting('server_version'), '.', 1)"
    vector = f"""\
v_found := coalesce(
  (select extversion from pg_catalog.pg_extension where extname = 'vector'),
  (select default_version from pg_catalog.pg_available_extensions where name = 'vector')
);
{when("v_found is null", _raise(absent, major))}
if (string_to_array(substring(v_found from '^[0-9.]+'), '.')::int[])[1:2] < array[{oldest}] then
  {_raise(VectorTooOld(found=_SLOT, remedy=remedy), "v_found")}
end if;"""
    return [block(missing, declare="v_missing text;"), block(vector, declare="v_found text;")]


_SLOT = "\ufffd"
"""A character that no message of ours has."""


def _raise(error: MivaaError, value: str) -> str:
    """Raise a message of ours, with what the database knows in its place."""
    before, _, after = str(error).partition(_SLOT)
    message = f"{literal(before)} || {value} || {literal(after)}"
    return (
        "raise exception using errcode = 'object_not_in_prerequisite_state',\n"
        f"  message = {message};"
    )
