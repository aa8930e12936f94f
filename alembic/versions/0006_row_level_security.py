"""Row-level security: policies and grants.

Why: who may see or change a row is decided in the database, whatever an application forgets.

How: on each table one permissive policy admits whoever has a workspace, and restrictive ones hold
every condition, so that no permissive policy of the platform can widen anything. Privileges are
taken from everybody and granted one by one. All of it happens in one short transaction that scans
nothing, so no table is ever without its policies, and nobody sees some tables closed and others
open. The tables of workspaces and members of an adopted platform keep their own rules unless
``-x lock_members=yes`` says otherwise.

The downgrade loses: nothing; the former privileges come back.

Revision ID: 0006
Revises: 0005
"""

from mivaa_schema.operations import (
    FrozenSQL,
    about,
    adopt_rules,
    complete_phase,
    grant_auth_aliases,
    locked,
    release_rules,
    reopen_phase,
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
DOCUMENT_COMMANDS = ("access", "isolation", "select", "insert", "update", "delete")
MEMBER_COMMANDS = ("access", "isolation", "delete")
COMMANDS = {
    "public.workspaces": MEMBER_COMMANDS,
    "public.workspace_members": MEMBER_COMMANDS,
    "public.documents": DOCUMENT_COMMANDS,
    "public.document_chunks": DOCUMENT_COMMANDS,
    "public.pdf_documents": DOCUMENT_COMMANDS,
    "public.processed_documents": DOCUMENT_COMMANDS,
}
POLICIES = {
    table: [SQL.policy(f"{table.removeprefix('public.')}.{command}") for command in commands]
    for table, commands in COMMANDS.items()
}
STATEMENTS = (*SQL.statements("grants.sql"), *SQL.statements("comments.sql"))
OF_TABLE = {table: about(table, STATEMENTS) for table in COMMANDS}
OF_OTHERS = [s for s in STATEMENTS if not any(s in rules for rules in OF_TABLE.values())]
ALIASES = ("get_workspace_id()", "get_user_role()", "has_permission(permission_name text)")
API = "authenticated, service_role"


def upgrade() -> None:
    run(*OF_OTHERS)
    grant_auth_aliases(ALIASES, API)
    complete_phase(PHASE, rollback_of(__file__, "0006", "0005"))
    with locked(*COMMANDS):
        for table, policies in POLICIES.items():
            every_permission_rests_on_it = COMMANDS[table] is MEMBER_COMMANDS
            adopt_rules(table, policies, OF_TABLE[table], rests_on_it=every_permission_rests_on_it)


def downgrade() -> None:
    with locked(*COMMANDS):
        for table in reversed(COMMANDS):
            release_rules(table, POLICIES[table])
        revoke_auth_aliases(ALIASES, API)
        run(*revocations(s for s in OF_OTHERS if s.startswith("grant")))
        reopen_phase(PHASE)
