"""Rows in the hands of an application: what they refer to, and how they are printed."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from fixtures.databases import Database
from mivaa_schema.models import Document, DocumentChunk, Workspace


def plan(session: Session) -> Document:
    """A document of a new workspace."""
    workspace = Workspace(name="North")
    session.add(workspace)
    session.flush()
    document = Document(workspace_id=workspace.id, title="Plan")
    session.add(document)
    return document


def test_chunks_get_the_keys_of_their_document(head_database: Database) -> None:
    with Session(head_database.engine()) as session:
        document = plan(session)
        document.chunks = [
            DocumentChunk(chunk_index=n, content=f"Passage {n}") for n in reversed(range(3))
        ]
        session.commit()
        session.expire_all()
        assert [chunk.chunk_index for chunk in document.chunks] == [0, 1, 2]
        assert {chunk.workspace_id for chunk in document.chunks} == {document.workspace_id}
        assert document.chunks[0].document is document


def test_database_deletes_the_chunks_of_a_document(head_database: Database) -> None:
    with Session(head_database.engine()) as session:
        document = plan(session)
        document.chunks.append(DocumentChunk(chunk_index=0, content="Passage"))
        session.commit()
        session.delete(document)
        session.commit()
        assert session.scalar(sa.select(sa.func.count()).select_from(DocumentChunk)) == 0


def test_row_is_printed_by_its_key_and_name_and_loads_nothing(head_database: Database) -> None:
    with Session(head_database.engine()) as session:
        workspace = Workspace(name="North")
        session.add(workspace)
        session.commit()
        key = workspace.id
        assert repr(workspace) == f"<Workspace id='{key}' name='North'>"
        session.expire_all()
        assert repr(workspace) == "<Workspace>"
        assert repr(DocumentChunk(chunk_index=3, content="x" * 999)) == (
            "<DocumentChunk chunk_index='3'>"
        )


@pytest.mark.parametrize(
    ("model", "attribute"),
    [(Document, "document_metadata"), (DocumentChunk, "chunk_metadata"), (Workspace, None)],
)
def test_the_name_that_sqlalchemy_has_taken_is_refused(model: Any, attribute: str | None) -> None:
    with pytest.raises(TypeError, match=attribute or "invalid keyword"):
        model(metadata={"language": "en"})
    with pytest.raises(TypeError, match="invalid keyword"):
        model(nonsense=1)
    if attribute:
        assert getattr(model(**{attribute: {"language": "en"}}), attribute) == {"language": "en"}
