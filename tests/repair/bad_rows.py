"""Rows that break every rule, in a platform that lets them in."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from fixtures.databases import Database
from fixtures.existing_platform import FURTHER_TABLES, ExistingPlatform
from fixtures.people import insert, named

A, B = ExistingPlatform.a, ExistingPlatform.b
LOST = named("workspace without documents")
UNKNOWN = named("workspace that nobody created")
NOBODY = named("user that nobody created")

WITHOUT_RULES = f"""
{FURTHER_TABLES}
alter table public.workspace_members
  drop constraint workspace_members_role_check, drop constraint workspace_members_user_id_fkey,
  drop constraint workspace_members_workspace_id_fkey, add column status text default 'active';
alter table public.documents
  drop constraint documents_workspace_id_fkey,
  add column user_id uuid, add column status text default 'active';
alter table public.document_chunks
  drop constraint document_chunks_document_id_fkey, add column workspace_id uuid;
update public.document_chunks c set workspace_id = d.workspace_id
  from public.documents d where d.id = c.document_id;
alter table public.pdf_documents
  drop constraint pdf_documents_workspace_id_fkey, alter column workspace_id drop not null;
alter table public.processed_documents
  drop constraint processed_documents_pdf_document_id_fkey,
  drop constraint processed_documents_document_id_fkey, add column workspace_id uuid;
"""
"""The platform without the keys and checks that would keep bad rows out."""


def row(name: str) -> Any:
    """The id of a row that is planted, or of one that is expected."""
    return named(name)


class BadRows:
    """One row, or a few, for each thing that can be wrong."""

    document_of_a = named(f"document 0 of {A}")

    def plant(self, made: Database) -> None:
        """Plant them before the upgrade: afterwards the keys keep new ones out."""
        with made.owner() as connection:
            self._members(connection)
            self._documents(connection)
            self._chunks(connection)
            self._extractions(connection)

    def _members(self, connection: sa.Connection) -> None:
        member = "public.workspace_members"
        insert(connection, "public.workspaces", id=LOST, name="C")
        insert(connection, member, workspace_id=B, user_id=named("admin"), role="viewer")
        insert(connection, member, workspace_id=A, user_id=named("owner_of_b"), role="superhero")
        insert(connection, member, workspace_id=A, user_id=NOBODY, role="owner")
        insert(
            connection,
            member,
            workspace_id=LOST,
            user_id=named("owner"),
            role="owner",
            status="gone",
        )

    def _documents(self, connection: sa.Connection) -> None:
        def document(name: str, **columns: Any) -> None:
            insert(connection, "public.documents", id=row(name), name=name, **columns)

        document("of a member of one", user_id=named("viewer"))
        document("of a member of two", user_id=named("admin"))
        document("with a chunk in B")
        document("of a member of A, with a chunk in B", user_id=named("viewer"))
        document("in an unknown workspace", workspace_id=UNKNOWN)
        document("weird", workspace_id=A, status="weird")
        document("without status", workspace_id=A, status=None)
        document("of nobody", workspace_id=A, user_id=NOBODY)
        document("of somebody", workspace_id=A, user_id=named("viewer"))
        document("of zeros", workspace_id=A, embedding=str([0] * 1536))

    def _chunks(self, connection: sa.Connection) -> None:
        def chunk(name: str, document: Any, workspace: Any, **columns: Any) -> None:
            insert(
                connection,
                "public.document_chunks",
                id=row(name),
                document_id=document,
                workspace_id=workspace,
                content=name,
                **{"chunk_index": 1000, **columns},
            )

        chunk("chunk in B", row("with a chunk in B"), B)
        chunk("torn chunk", row("of a member of A, with a chunk in B"), B)
        chunk("chunk without workspace", row("of a member of one"), None)
        for number in range(25):
            name = f"misplaced chunk {number}"
            chunk(name, self.document_of_a, B, chunk_index=2000 + number)
        chunk("orphan of A", named("no document"), A)
        chunk("orphan of nothing", named("no document either"), None)
        chunk("lost chunk", named("document that was lost"), LOST)

    def _extractions(self, connection: sa.Connection) -> None:
        pdf, extraction = "public.pdf_documents", "public.processed_documents"
        insert(connection, pdf, id=row("PDF of A"), workspace_id=A, filename="a.pdf")
        insert(connection, pdf, id=row("PDF of B"), workspace_id=B, filename="b.pdf")
        insert(connection, pdf, id=row("PDF of nothing"), filename="c.pdf")
        ends = {
            "pdf_document_id": row("PDF of A"),
            "document_id": self.document_of_a,
            "status": "completed",
        }
        for name, columns in {
            "good": {"workspace_id": A},
            "done": {"workspace_id": A, "status": "done"},
            "of nothing": {},
            "misplaced": {"workspace_id": B},
            "torn": {"workspace_id": A, "pdf_document_id": row("PDF of B")},
            "dangling": {"workspace_id": A, "pdf_document_id": named("no PDF")},
        }.items():
            insert(connection, extraction, id=row(f"extraction {name}"), **{**ends, **columns})
