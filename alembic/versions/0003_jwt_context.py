"""JWT context: who is asking, for which workspace, and what may they do.

Why: every policy and every function asks these questions; they are answered in one place.

How: helpers in the private schema, none of which raises over what a client has sent. Only those
that read the memberships are definers. Where we may create in schema ``auth``, thin aliases there
answer to the names that applications know. The hook that puts a workspace into tokens is opened
to Supabase Auth at once: no request can reach it.

The downgrade loses: nothing.

Revision ID: 0003
Revises: 0002
"""

import re

from mivaa_schema.operations import (
    FrozenSQL,
    Operation,
    create,
    drop,
    run,
)
from mivaa_schema.operations.entities import rollback_of
from mivaa_schema.operations.sql import (
    EVERY_API_GRANTEE,
    begin_phase,
    block,
    complete_phase,
    literal,
    record,
    roll_back_phase,
    undo,
    when,
)

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PHASE = "jwt_functions"
SQL = FrozenSQL(__file__)
FUNCTIONS = (
    SQL.function("mivaa.json_setting"),
    SQL.function("mivaa.uuid_or_null"),
    SQL.function("mivaa.user_id"),
    SQL.function("mivaa.workspace_for"),
    SQL.function("mivaa.get_workspace_id"),
    SQL.function("mivaa.get_user_role"),
    SQL.function("mivaa.has_permission"),
    SQL.function("mivaa.active_workspace_ids"),
    SQL.function("mivaa.is_colleague"),
    SQL.function("mivaa.resolve_workspace"),
    SQL.function("mivaa.custom_access_token_hook"),
)
ALIASES = {
    "get_workspace_id()": "uuid",
    "get_user_role()": "text",
    "has_permission(permission_name text)": "boolean",
}
"""Return types of the functions in ``auth`` that call those of the same name in ``mivaa``."""

CLOSE_TO_AUTH = """\
do $mivaa$ begin
  if exists (select from pg_catalog.pg_roles where rolname = 'supabase_auth_admin')
  then revoke usage on schema mivaa from supabase_auth_admin; end if; end $mivaa$"""


def create_aliases() -> Operation:
    """Create the aliases where we may create in ``auth`` and nothing of the name is there.

    Where the platform owns that schema, applications call the functions in ``mivaa``.
    """
    body = "\n".join(create_alias(signature, type_) for signature, type_ in ALIASES.items())
    aliases = ({"kind": "alias", "name": f"auth.{signature}"} for signature in ALIASES)
    return Operation((block(body),), tuple(aliases))


def create_alias(signature: str, type_: str) -> str:
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


def drop_aliases() -> str:
    """Drop the aliases that the chain created."""
    names = [f"auth.{signature}" for signature in reversed(ALIASES)]
    return block("\n".join(undo("function", n, f"drop function {n};") for n in names))


def upgrade() -> None:
    run(begin_phase(PHASE), create(*FUNCTIONS))
    run(SQL.run_list("grants.sql"), SQL.run_list("comments.sql"))
    run(create_aliases(), complete_phase(PHASE, rollback_of(__file__, "0003")))


def downgrade() -> None:
    run(roll_back_phase(PHASE), drop_aliases(), drop(*FUNCTIONS), CLOSE_TO_AUTH)
