"""Functions, triggers and policies: created closed, replaced, dropped."""

from __future__ import annotations

from alembic_utils.pg_function import PGFunction
from alembic_utils.pg_policy import PGPolicy
from alembic_utils.pg_trigger import PGTrigger

from mivaa_schema.operations.sql import EVERY_API_GRANTEE, literal, run


def identity_arguments(function: PGFunction) -> str:
    """The arguments of a function without their defaults, as DROP, GRANT and COMMENT take them."""
    inside = function.signature.partition("(")[2].rpartition(")")[0]
    arguments, depth, current = [], 0, ""
    for character in inside:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            arguments.append(current)
            current = ""
        else:
            current += character
    arguments.append(current)
    return ", ".join(a.lower().partition(" default ")[0].strip() for a in arguments).strip()


def qualified_function(function: PGFunction) -> str:
    """Name and identity arguments: ``mivaa.has_permission(permission_name text)``."""
    name = function.signature.partition("(")[0].strip()
    return f"{function.schema}.{name}({identity_arguments(function)})"


def create_functions(*functions: PGFunction) -> None:
    """Create functions, in this order, executable by their owner alone until they are granted."""
    load_vector()
    for function in functions:
        run(creation(function))
        run(f"revoke all on function {qualified_function(function)} from {EVERY_API_GRANTEE}")


def replace_functions(*functions: PGFunction) -> None:
    """Create or replace functions; for a revision that may run again after it was cut off."""
    load_vector()
    for function in functions:
        run(creation(function).replace("CREATE FUNCTION", "create or replace function", 1))
        run(f"revoke all on function {qualified_function(function)} from {EVERY_API_GRANTEE}")


def drop_functions(*functions: PGFunction) -> None:
    """Drop functions, last created first; a run that was cut off may not have reached all."""
    for function in reversed(functions):
        run(f"drop function if exists {qualified_function(function)}")


def create_triggers(*triggers: PGTrigger) -> None:
    """Create triggers, or replace them where a run that was cut off has left them."""
    for trigger in triggers:
        run(creation(trigger).replace("CREATE TRIGGER", "create or replace trigger", 1))


def drop_triggers(*triggers: PGTrigger) -> None:
    """Drop triggers, last created first; a run that was cut off may not have reached all."""
    for trigger in reversed(triggers):
        run(f"drop trigger if exists {trigger.signature} on {trigger.on_entity}")


def create_policies(*policies: PGPolicy) -> None:
    """Create policies, in this order."""
    for policy in policies:
        run(creation(policy))


def drop_policies(*policies: PGPolicy) -> None:
    """Drop policies, last created first."""
    for policy in reversed(policies):
        run(f"drop policy {policy.signature} on {policy.on_entity}")


def creation(entity: PGFunction | PGTrigger | PGPolicy) -> str:
    """The statement that creates a function, a trigger or a policy."""
    return str(entity.to_sql_statement_create()).strip()  # type: ignore[no-untyped-call]


def load_vector() -> None:
    """Load the vector library, whose settings a function's SET clause may name.

    Until it is loaded they are unknown to the session, and only a superuser may set what is
    unknown.
    """
    run(f"select {literal('[1]')}::vector")
