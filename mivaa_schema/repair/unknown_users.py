"""Rows and memberships of users that do not exist."""

from __future__ import annotations

from mivaa_schema.repair.base import RowRepair, Step
from mivaa_schema.repair.references import any_leads_somewhere, leads_nowhere, set_null

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
"""What says in which workspace a row is, where that is not its column ``workspace_id``."""
FACTS = any_leads_somewhere((*COLUMNS, (MEMBERS, "user_id")), USERS)

REPAIRS = (
    RowRepair(
        name="unknown-users",
        what="takes out of rows the user that does not exist; the rows stay",
        steps=tuple(
            set_null(
                table,
                column,
                USERS,
                FACTS,
                workspace=WORKSPACE.get(table, "t.workspace_id"),
            )
            for table, column in COLUMNS
        ),
        reads=USERS,
    ),
    RowRepair(
        name="unknown-members",
        what="deletes the memberships of users that do not exist",
        reads=USERS,
        steps=(
            Step(
                table=MEMBERS,
                facts=FACTS,
                faults=f"""
select t.id, t.workspace_id as workspace,
  case when cast(:is_lost as boolean)
    then 'not one user exists: restore the rows of {USERS} first' end as reason
from {MEMBERS} t
where {leads_nowhere(MEMBERS, "user_id", USERS)}""",
                change=f"""
delete from {MEMBERS} t using fault f
where t.id = f.id and {leads_nowhere(MEMBERS, "user_id", USERS)}""",
            ),
        ),
    ),
)
