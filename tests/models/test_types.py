"""Types of the models as applications use them, checked by mypy and by pyright, both strict."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

RIGHT = """\
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector, Vector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mivaa_schema.models import Document, DocumentChunk
from mivaa_schema.search import FoundChunk, search_chunks


def embed(session: Session, document: Document, vector: NDArray[np.float32]) -> list[float]:
    document.embedding_v2 = vector
    document.embedding_v2 = vector.astype(np.float64)
    document.embedding_v2 = [0.5] * 768
    document.embedding_v2 = Vector([0.5] * 768)
    document.embedding_v2 = HalfVector([0.5] * 768)
    document.embedding_v2 = "[0.5]"
    document.embedding_v2 = None
    document.embedding = vector
    read: list[float] | None = document.embedding_v2
    chunks: list[DocumentChunk] = document.chunks
    parent: Document = chunks[0].document
    return (read or []) + (parent.embedding or [])


def nearest(session: Session, query: NDArray[np.float32]) -> list[tuple[str, float]]:
    distance = DocumentChunk.embedding_v2.cosine_distance(query)
    rows = session.execute(select(DocumentChunk.content, distance).order_by(distance).limit(3))
    return [(row[0], row[1]) for row in rows]


def near(session: Session, document: Document) -> list[Document]:
    own = document.embedding_v2 or []
    wanted = Document.embedding_v2.cosine_distance(own) < 0.5
    return list(session.scalars(select(Document).where(wanted, Document.embedding_v2.is_not(None))))


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Document)) or 0


def found(session: Session, query: NDArray[np.float32]) -> list[FoundChunk]:
    return search_chunks(session, query, match_count=3)
"""

WRONG = """\
from mivaa_schema.models import Document

document = Document()
document.embedding_v2 = 5
document.embedding_v2 = {"a": 1.0}
text: str = document.embedding_v2
document.title = 5
Document.embedding_v2.cosine_distance(5)
"""
LINES_IN_ERROR = {4, 5, 6, 7, 8}


def errors_of_mypy(file: Path) -> set[int]:
    """Lines that mypy finds an error in."""
    done = subprocess.run(
        [
            sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports",
            "--config-file", str(ROOT / "pyproject.toml"), str(file),
        ],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    lines = re.findall(rf"{file.name}:(\d+): error", done.stdout)
    assert bool(lines) == bool(done.returncode), done.stdout
    return {int(line) for line in lines}


def errors_of_pyright(file: Path) -> set[int]:
    """Lines that pyright finds an error in."""
    pytest.importorskip("basedpyright")
    config = {
        "include": [str(file)],
        "typeCheckingMode": "strict",
        "extraPaths": [str(ROOT)],
    }
    file.with_name("pyrightconfig.json").write_text(json.dumps(config))
    done = subprocess.run(
        [
            sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable,
            "--project", str(file.with_name("pyrightconfig.json")),
        ],
        cwd=file.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["summary"]["filesAnalyzed"] == 1, done.stdout
    return {one["range"]["start"]["line"] + 1 for one in found["generalDiagnostics"]}


@pytest.mark.parametrize("checker", [errors_of_mypy, errors_of_pyright])
@pytest.mark.parametrize(
    ("name", "text", "errors"),
    [
        ("right", RIGHT, set()),
        ("wrong", WRONG, LINES_IN_ERROR),
        ("bulk_load", (ROOT / "examples/bulk_load.py").read_text(), set()),
    ],
    ids=["right", "wrong", "example"],
)
def test_embeddings_are_typed_as_they_are_used(
    tmp_path: Path, checker: object, name: str, text: str, errors: set[int]
) -> None:
    file = tmp_path / f"{name}_use.py"
    file.write_text(text, encoding="utf-8")
    assert callable(checker)
    assert checker(file) == errors
