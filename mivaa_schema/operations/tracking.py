"""The records that a phase of the migration leaves in ``public.migration_tracking``."""

from __future__ import annotations

from mivaa_schema.operations.sql import block, literal, run, text_array, when

MIGRATION = "mivaa_integration"


def begin_phase(phase: str) -> None:
    """Record that the first revision of a phase is being applied."""
    run(
        "insert into public.migration_tracking (migration_name, phase, status, started_at)\n"
        f"values ({literal(MIGRATION)}, {literal(phase)}, 'running', clock_timestamp())\n"
        "on conflict (migration_name, phase) do update set\n"
        "  status = 'running', started_at = excluded.started_at,\n"
        "  completed_at = null, error_message = null"
    )


def complete_phase(phase: str, rollback_sql: str) -> None:
    """Record that the last revision of a phase is applied, and how to take the phase back.

    Args:
        phase: Name of the phase.
        rollback_sql: The downgrades of its revisions, last one first.
    """
    run(
        f"select public.mark_migration_complete({literal(MIGRATION)}, {literal(phase)},\n"
        f"$rollback$\n{rollback_sql}$rollback$)"
    )


def reopen_phase(phase: str) -> None:
    """Record that the last revision of a phase is taken back while earlier ones stay."""
    _set_status(phase, "running")


def roll_back_phase(phase: str) -> None:
    """Record that the first revision of a phase, and so the whole of it, is taken back."""
    _set_status(phase, "rolled_back")


def drop_records() -> None:
    """Delete the records of the chain; a table of the platform's keeps its own rows."""
    run(f"delete from public.migration_tracking where migration_name = {literal(MIGRATION)}")


def _set_status(phase: str, status: str) -> None:
    run(
        f"update public.migration_tracking set status = {literal(status)}, completed_at = null\n"
        f"where migration_name = {literal(MIGRATION)} and phase = {literal(phase)}"
    )


def require_completed(*phases: str) -> None:
    """Stop unless every one of the phases is recorded as completed, with its rollback."""
    condition = (
        "v_missing := array(\n"
        f"  select p.phase from unnest({text_array(phases)}) with ordinality p (phase, position)\n"
        "  where not exists (\n"
        "    select from public.migration_tracking t\n"
        f"    where t.migration_name = {literal(MIGRATION)} and t.phase = p.phase\n"
        "      and t.status = 'completed' and t.rollback_sql is not null\n"
        "  ) order by p.position\n"
        ");\n"
    )
    refuse = (
        "raise exception 'phases without a completed record: %', "
        "array_to_string(v_missing, ', ')\n"
        "  using errcode = 'object_not_in_prerequisite_state',\n"
        "        hint = 'Take the chain back to before the first of them, then upgrade again.';"
    )
    run(block(condition + when("cardinality(v_missing) > 0", refuse), declare="v_missing text[];"))
