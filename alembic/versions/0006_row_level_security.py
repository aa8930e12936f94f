"""Row-level security: policies and grants.

Why: who may see or change a row is decided in the database, whatever an application forgets.

How: on each table one permissive policy admits users, and restrictive ones for everybody hold every
condition, so that no permissive policy of the platform, for whichever role, can widen anything.
Each of them asks one question: in which workspace this user may do this. Privileges are
taken from everybody and granted one by one. All of it happens in one short transaction that scans
nothing, so no table is ever without its policies, and nobody sees some tables closed and others
open. The tables of workspaces and members of an adopted platform keep their own rules unless
``-x lock_members=yes`` says otherwise.

The downgrade loses: nothing; the former privileges come back.

Revision ID: 0006
Revises: 0005
"""

from collections.abc import Sequence

from alembic import op

from mivaa_schema.operations import (
    FrozenSQL,
    Operation,
    listed,
    locked,
    reopen_table,
    run,
    unlisted,
)
from mivaa_schema.operations.entities import SqlFile, rollback_of
from mivaa_schema.operations.sql import (
    EVERY_API_GRANTEE,
    block,
    complete_phase,
    record,
    recorded,
    reopen_phase,
    undo,
    when,
)
from mivaa_schema.operations.tables import closing, enabling_row_security

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

PHASE = "rls_policies"
SQL = FrozenSQL(__file__)
DOCUMENT_COMMANDS = ("access", "select", "insert", "update", "delete")
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
GRANTS = SQL.statements("grants.sql")
COMMENTS = SQL.statements("comments.sql")
ALIASES = ("get_workspace_id()", "get_user_role()", "has_permission(permission_name text)")
API = "authenticated, service_role"


def of_table(statements: Sequence[str], table: str) -> list[str]:
    """Those of the grants or comments that name a table."""
    return [s for s in statements if f" on {table} " in f"{s} "]


def adopt_rules(table: str) -> Operation:
    """Put our rules on a table: nothing but them decides from then on who sees and writes it.

    Privileges are taken from everybody, row-level security is switched on, policies are created
    and privileges granted, all in one block; the table is locked before.

    The platform may manage workspaces and members under rules of its own, and every permission
    rests on these tables: there its own ones are left alone unless the run says
    ``-x lock_members=yes``; tables that the chain created get our rules in any case.
    """
    policies, grants, comments = POLICIES[table], of_table(GRANTS, table), of_table(COMMENTS, table)
    text = "\n".join(
        [
            closing(table),
            enabling_row_security(table),
            *(f"{statement};" for statement in (*statements_of(policies), *grants, *comments)),
            record("rules", table),
        ]
    )
    if COMMANDS[table] is MEMBER_COMMANDS:
        lock_members = str(bool(op.get_context().opts.get("mivaa_lock_members"))).lower()
        text = when(f"{recorded('table', table)} or {lock_members}", text)
    said = (*listed("grants.sql", *grants).creates, *listed("comments.sql", *comments).creates)
    rules = {"kind": "rules", "name": table}
    return Operation((block(text),), (*(policy.object for policy in policies), *said, rules))


def statements_of(policies: Sequence[SqlFile]) -> list[str]:
    """The statements that create policies."""
    return [policy.statement for policy in policies]


def release_rules(table: str) -> str:
    """Drop our policies and revoke our grants where they were put on a table."""
    drop = "\n".join(f"drop policy {policy.name} on {table};" for policy in POLICIES[table])
    revoke = f"revoke all on {table} from {EVERY_API_GRANTEE};"
    return block(undo("rules", table, f"{drop}\n{revoke}"))


def on_aliases(privilege: str) -> str:
    """Grant or revoke the execution of those aliases in ``auth`` that the chain created."""
    names = [f"auth.{alias}" for alias in ALIASES]
    action, roles = privilege.split(" ", 1)
    body = (
        when(recorded("function", name), f"{action} execute on function {name} {roles};")
        for name in names
    )
    return block("\n".join(body))


def upgrade() -> None:
    of_others = [s for s in GRANTS if not any(of_table([s], table) for table in COMMANDS)]
    run(listed("grants.sql", *of_others), on_aliases(f"grant to {API}"))
    run(complete_phase(PHASE, rollback_of(__file__, "0006", "0005")))
    with locked(*COMMANDS) as batch:
        batch.run(*map(adopt_rules, COMMANDS))


def downgrade() -> None:
    of_others = [s for s in GRANTS if not any(of_table([s], table) for table in COMMANDS)]
    with locked(*COMMANDS) as batch:
        for table in reversed(COMMANDS):
            batch.run(release_rules(table), reopen_table(table))
        batch.run(on_aliases(f"revoke from {API}"))
        batch.run(unlisted("grants.sql", *(s for s in of_others if s.startswith("grant"))))
        batch.run(reopen_phase(PHASE))
