"""Row-level security: policies and grants.

Why: who may see or change a row is decided in the database, whatever an application forgets.

How: on each table one permissive policy admits whoever has a workspace, and restrictive ones hold
every condition, so that no permissive policy of the platform can widen anything. Privileges are
taken from everybody and granted one by one. Everything happens in one short transaction that
scans nothing, so no table is ever without its policies. The tables of workspaces and members of
an adopted platform keep their own rules unless ``-x lock_members=yes`` says otherwise.

The downgrade loses: nothing; the former privileges come back.

Revision ID: 0006
Revises: 0005
"""

from mivaa_schema.operations import (
    FrozenSQL,
    about,
    adopt_member_rules,
    close_relation,
    complete_phase,
    create_policies,
    drop_policies,
    enable_row_security,
    grant_auth_aliases,
    release_member_rules,
    reopen_phase,
    restore_grants,
    restore_row_security,
    revocations,
    revoke_auth_aliases,
    rollback_of,
    run,
)

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

PHASE = "rls_policies"
SQL = FrozenSQL(__file__)
TABLES = tuple(
    f"public.{table}"
    for table in ("documents", "document_chunks", "pdf_documents", "processed_documents")
)
COMMANDS = ("access", "isolation", "select", "insert", "update", "delete")
POLICIES = tuple(
    SQL.policy(f"{table.removeprefix('public.')}.{command}")
    for table in TABLES
    for command in COMMANDS
)
MEMBER_POLICIES = {
    f"public.{table}": (SQL.policy(f"{table}.access"), SQL.policy(f"{table}.isolation"))
    for table in ("workspaces", "workspace_members")
}
STATEMENTS = (*SQL.statements("grants.sql"), *SQL.statements("comments.sql"))
OF_MEMBERS = {table: about(table, STATEMENTS) for table in MEMBER_POLICIES}
OF_OTHERS = [s for s in STATEMENTS if not any(s in rules for rules in OF_MEMBERS.values())]
ALIASES = ("get_workspace_id()", "get_user_role()", "has_permission(permission_name text)")
API = "authenticated, service_role"


def upgrade() -> None:
    for table in TABLES:
        close_relation(table)
        enable_row_security(table)
    create_policies(*POLICIES)
    for table, policies in MEMBER_POLICIES.items():
        adopt_member_rules(table, policies, OF_MEMBERS[table])
    run(*OF_OTHERS)
    grant_auth_aliases(ALIASES, API)
    complete_phase(PHASE, rollback_of(__file__, "0006", "0005"))


def downgrade() -> None:
    reopen_phase(PHASE)
    revoke_auth_aliases(ALIASES, API)
    run(*revocations(s for s in OF_OTHERS if s.startswith("grant")))
    for table in reversed(MEMBER_POLICIES):
        release_member_rules(table, MEMBER_POLICIES[table])
    drop_policies(*POLICIES)
    for table in reversed(TABLES):
        restore_row_security(table)
        restore_grants(table)
