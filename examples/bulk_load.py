"""Loads a document whose chunks are embedded already, from a file of JSON lines.

Each line is an object with ``content``, ``embedding`` (768 numbers) and, if it is known,
``page_number``::

    python -m examples.bulk_load --workspace ID --title "Annual report" chunks.jsonl

It works on the database of ``DATABASE_URL`` or on the embedded server, as the owner of the tables.
``--copy`` loads by binary COPY, through psycopg 3: for an initial load, without the vector index.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector import Vector
from pgvector.psycopg import register_vector
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mivaa_schema.database import open_engine
from mivaa_schema.models import DIMENSIONS, Document, DocumentChunk
from mivaa_schema.settings import Settings

BATCH = 1000
"""Rows of a statement and of a transaction: an interrupted load keeps what is committed."""


@dataclass(frozen=True)
class Passage:
    """A passage and its embedding, shape ``(768,)``."""

    content: str
    embedding: NDArray[np.float32]
    page_number: int | None = None


def read(path: Path) -> Iterator[Passage]:
    """Read passages from a file of JSON lines; empty lines are passed over.

    Raises:
        ValueError: A line is no passage; the message names the line.
    """
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    yield passage_of(json.loads(line))
                except (ValueError, TypeError, KeyError) as error:
                    raise ValueError(f"{path}, line {number}: {error!r}") from error


def passage_of(found: dict[str, Any]) -> Passage:
    """A passage of an object of JSON.

    Raises:
        KeyError, TypeError, ValueError: It is none.
    """
    content, page = found["content"], found.get("page_number")
    embedding = np.array(found["embedding"], dtype=np.float32)
    if not isinstance(content, str) or "\0" in content:
        raise ValueError("content is no text, or has the character of code 0")
    if embedding.shape != (DIMENSIONS,) or not np.isfinite(embedding).all() or not embedding.any():
        raise ValueError(f"embedding is not {DIMENSIONS} numbers, or all of them are 0")
    # Binary COPY would write the last 32 bits of a larger number.
    if page is not None and (type(page) is not int or not 0 < page < 2**31):
        raise ValueError(f"page_number is {page!r}, expected a whole number from 1 on")
    return Passage(content, embedding, page)


def load(session: Session, document: Document, passages: Iterable[Passage], model: str) -> int:
    """Insert passages as the chunks of a document, by the models and in batches.

    Args:
        session: Of the owner of the tables, or of a user who may write in the workspace; each
            batch is committed.
        document: It is in the database.
        passages: In the order of the document; read as they are needed.
        model: Name of the model that made the embeddings.

    Returns:
        The number of chunks.
    """
    count = 0
    passages = iter(passages)
    while batch := list(itertools.islice(passages, BATCH)):
        session.execute(
            insert(DocumentChunk),
            [
                {
                    "workspace_id": document.workspace_id,
                    "document_id": document.id,
                    "chunk_index": count + position,
                    "content": passage.content,
                    "page_number": passage.page_number,
                    "embedding_v2": passage.embedding,
                    "embedding_model": model,
                }
                for position, passage in enumerate(batch)
            ],
        )
        session.commit()
        count += len(batch)
    return count


COPY = """
copy public.document_chunks (workspace_id, document_id, chunk_index, content, page_number,
  embedding_v2, embedding_model) from stdin (format binary)
"""
TYPES = ("uuid", "uuid", "int4", "text", "int4", "vector", "text")


def copy(engine: Engine, document: Document, passages: Iterable[Passage], model: str) -> int:
    """Insert passages as the chunks of a document, by binary COPY and in one transaction.

    Args:
        engine: Its address is used; COPY needs psycopg 3.
        document: It is committed.
        passages: In the order of the document; read as they are needed.
        model: Name of the model that made the embeddings.

    Returns:
        The number of chunks.
    """
    address = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    position = -1
    with psycopg.connect(address, options="-c search_path=public,extensions") as connection:
        register_vector(connection)
        with connection.cursor() as cursor, cursor.copy(COPY) as rows:
            rows.set_types(TYPES)
            for position, passage in enumerate(passages):
                key = (document.workspace_id, document.id, position)
                embedding = Vector(passage.embedding)
                rows.write_row((*key, passage.content, passage.page_number, embedding, model))
    return position + 1


def publish(session: Session, document: Document, model: str) -> None:
    """Embed a document by the mean of its chunks, and let searches find it."""
    session.refresh(document)
    vectors = [chunk.embedding_v2 for chunk in document.chunks if chunk.embedding_v2 is not None]
    if vectors:
        document.embedding_v2 = np.mean(vectors, axis=0)
        document.embedding_model = model
    document.status = "active"
    session.commit()


def nearest(session: Session, document: Document, count: int = 3) -> list[str]:
    """The chunks of a document that are nearest to its mean."""
    mean: list[float] | None = document.embedding_v2
    if mean is None:
        return []
    distance = DocumentChunk.embedding_v2.cosine_distance(mean)
    mine = DocumentChunk.workspace_id == document.workspace_id
    found = select(DocumentChunk).where(mine, DocumentChunk.document_id == document.id)
    return [chunk.content for chunk in session.scalars(found.order_by(distance).limit(count))]


def main() -> None:
    """Read the arguments, load the file, and print what was loaded."""
    parser = argparse.ArgumentParser(description="Load a document whose chunks are embedded.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--workspace", type=uuid.UUID, required=True)
    parser.add_argument("--title", required=True)
    parser.add_argument("--model", default="unknown")
    parser.add_argument("--copy", action="store_true")
    given = parser.parse_args()
    settings = Settings.resolve({}, os.environ)
    if settings.url is None:
        # They are for other servers than the embedded one.
        for name in [name for name in os.environ if name.startswith("PG")]:
            del os.environ[name]
    engine = open_engine(settings)
    try:
        # Looked at as a whole before anything is written.
        total = sum(1 for _ in read(given.file))
        with Session(engine) as session:
            # A draft is found by no search, so an interrupted load shows nothing.
            document = Document(workspace_id=given.workspace, title=given.title, status="draft")
            session.add(document)
            session.commit()
            print(f"{total} chunks into document {document.id}")
            passages = read(given.file)
            if given.copy:
                copy(engine, document, passages, given.model)
            else:
                load(session, document, passages, given.model)
            publish(session, document, given.model)
            print("done; in the middle of it:")
            for content in nearest(session, document):
                print(f"  {content}")
    except (OSError, ValueError) as error:
        parser.error(str(error))
    except IntegrityError as error:
        parser.error(f"there is no workspace {given.workspace}: {error.orig}")


if __name__ == "__main__":
    main()
