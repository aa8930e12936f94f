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

from mivaa_schema.operations import (
    FrozenSQL,
    begin_phase,
    complete_phase,
    create_auth_aliases,
    create_functions,
    drop_auth_aliases,
    drop_functions,
    roll_back_phase,
    rollback_of,
    run,
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
    SQL.function("mivaa.active_membership"),
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
CLOSE_TO_AUTH = """\
do $mivaa$ begin
  if exists (select from pg_catalog.pg_roles where rolname = 'supabase_auth_admin')
  then revoke usage on schema mivaa from supabase_auth_admin; end if; end $mivaa$"""


def upgrade() -> None:
    begin_phase(PHASE)
    create_functions(*FUNCTIONS)
    run(*SQL.statements("grants.sql"), *SQL.statements("comments.sql"))
    create_auth_aliases(ALIASES)
    complete_phase(PHASE, rollback_of(__file__, "0003"))


def downgrade() -> None:
    roll_back_phase(PHASE)
    drop_auth_aliases(ALIASES)
    drop_functions(*FUNCTIONS)
    run(CLOSE_TO_AUTH)
