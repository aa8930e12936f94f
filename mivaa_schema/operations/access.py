"""Who may call and see what: aliases in schema auth, the rules of the membership tables, grants."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from alembic import op
from alembic_utils.pg_policy import PGPolicy

from mivaa_schema.operations.entities import creation
from mivaa_schema.operations.ledger import record, recorded, undo
from mivaa_schema.operations.properties import (
    closing,
    enabling_row_security,
    restore_grants,
    restore_row_security,
)
from mivaa_schema.operations.sql import EVERY_API_GRANTEE, block, literal, run, when


def create_auth_aliases(aliases: Mapping[str, str]) -> None:
    """Create functions in schema ``auth`` that call those of the same name in ``mivaa``.

    Only where we may create in ``auth`` and nothing of the name is there. Where the platform owns
    the schema, applications call the functions in ``mivaa``.

    Args:
        aliases: Return type by signature, ``{"has_permission(permission_name text)": "boolean"}``.
    """
    run(block("\n".join(_create_alias(signature, type_) for signature, type_ in aliases.items())))


def drop_auth_aliases(aliases: Iterable[str]) -> None:
    """Drop the functions that :func:`create_auth_aliases` created."""
    run(
        block(
            "\n".join(
                undo("function", f"auth.{signature}", f"drop function auth.{signature};")
                for signature in reversed(list(aliases))
            )
        )
    )


def grant_auth_aliases(aliases: Iterable[str], roles: str) -> None:
    """Let roles execute those aliases that the chain created."""
    run(block("\n".join(_on_alias(alias, "grant", f"to {roles}") for alias in aliases)))


def revoke_auth_aliases(aliases: Iterable[str], roles: str) -> None:
    """Take back what :func:`grant_auth_aliases` gave."""
    run(block("\n".join(_on_alias(alias, "revoke", f"from {roles}") for alias in aliases)))


def adopt_rules(
    table: str, policies: Iterable[PGPolicy], extras: Iterable[str], *, rests_on_it: bool = False
) -> None:
    """Put our rules on a table: nothing but them decides from then on who sees and writes it.

    Privileges are taken from everybody, row-level security is switched on, policies are created
    and privileges granted, all in one block; the table is to be locked before.

    Args:
        table: Qualified name.
        policies: Policies to create.
        extras: Grants and comments that belong to them.
        rests_on_it: Every permission rests on this table. The platform may manage it under rules
            of its own, so its own table is left alone unless the run says
            ``-x lock_members=yes``; one that the chain created gets our rules in any case.
    """
    rules = [
        closing(table),
        enabling_row_security(table),
        *(creation(policy) + ";" for policy in policies),
        *(statement + ";" for statement in extras),
        record("rules", table),
    ]
    text = "\n".join(rules)
    if rests_on_it:
        lock = str(bool(op.get_context().opts.get("mivaa_lock_members"))).lower()
        text = when(f"{recorded('table', table)} or {lock}", text)
    run(block(text))


def release_rules(table: str, policies: Iterable[PGPolicy]) -> None:
    """Take our rules off again where they were put on, and give back the former privileges."""
    drop = "\n".join(f"drop policy {p.signature} on {p.on_entity};" for p in policies)
    revoke = f"revoke all on {table} from {EVERY_API_GRANTEE};"
    run(block(undo("rules", table, f"{drop}\n{revoke}")))
    restore_row_security(table)
    restore_grants(table)


def revocations(grants: Iterable[str]) -> list[str]:
    """The statements that take grants back, last one first."""
    return [
        re.sub(r"(?s)\bto\s+([\w\s,]+)$", r"from \1", re.sub(r"\Agrant\b", "revoke", grant))
        for grant in reversed(list(grants))
    ]


def about(table: str, statements: Iterable[str]) -> list[str]:
    """Those of the statements that name the table."""
    return [s for s in statements if re.search(rf"\bon (table )?{re.escape(table)}\b", s)]


def _create_alias(signature: str, type_: str) -> str:
    call = re.sub(r"(\w+) [\w ]+", r"\1", signature)
    name = f"auth.{signature}"
    create = f"""\
create function {name} returns {type_}
language sql stable parallel safe security invoker set search_path = pg_catalog, pg_temp
return mivaa.{call};
comment on function {name} is {literal(f"Alias of mivaa.{signature}.")};
revoke all on function {name} from {EVERY_API_GRANTEE};
{record("function", name)}"""
    bare = re.sub(r"\w+ (\w+)", r"\1", signature)
    absent = f"to_regprocedure({literal(f'auth.{bare}')}) is null"
    # Split in two: a plpgsql condition looks names up in auth even where that schema is closed.
    return when("has_schema_privilege('auth', 'create')", when(absent, create))


def _on_alias(alias: str, verb: str, whom: str) -> str:
    name = f"auth.{alias}"
    return when(recorded("function", name), f"{verb} execute on function {name} {whom};")
