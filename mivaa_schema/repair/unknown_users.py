"""Rows and memberships of users that do not exist."""

from __future__ import annotations

from mivaa_schema.repair.base import RowRepair, TableRepair
from mivaa_schema.repair.references import all_dangling, is_dangling, set_null

USERS = "auth.users"
MEMBERS = "public.workspace_members"
COLUMNS = (
    ("public.documents", "user_id"),
    ("public.pdf_documents", "user_id"),
    ("public.processed_documents", "user_id"),
    ("public.workspaces", "created_by"),
    ("public.migration_tracking", "created_by"),
)
WORKSPACE = {"public.workspaces": "t.id", "public.migration_tracking": "null::uuid"}
"""The workspace of a row, for tables without a column ``workspace_id``."""
LOOKUP = all_dangling((*COLUMNS, (MEMBERS, "user_id")), USERS)

REPAIRS = (
    RowRepair(
        name="unknown-users",
        description="sets the user of rows to null if it does not exist; the rows stay",
        tables=tuple(
            set_null(
                table,
                column,
                USERS,
                LOOKUP,
                workspace=WORKSPACE.get(table, "t.workspace_id"),
            )
            for table, column in COLUMNS
        ),
        reads=USERS,
    ),
    RowRepair(
        name="unknown-members",
        description="deletes the memberships of users that do not exist",
        reads=USERS,
        tables=(
            TableRepair(
                table=MEMBERS,
                lookup=LOOKUP,
                invalid=f"""
select t.id, t.workspace_id as workspace,
  case when cast(:is_lost as boolean)
    then 'no user exists: restore the rows of {USERS} first' end as reason
from {MEMBERS} t
where {is_dangling(MEMBERS, "user_id", USERS)}""",
                statement=f"""
delete from {MEMBERS} t using invalid i
where t.id = i.id and {is_dangling(MEMBERS, "user_id", USERS)}""",
            ),
        ),
    ),
)
