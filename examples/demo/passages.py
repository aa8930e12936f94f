"""Real passages with real embeddings, and the exact answer to what is near to what."""

from __future__ import annotations

import heapq
import json
import math
import operator
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

MODEL = "all-MiniLM-L6-v2"
DIMENSIONS = 384


@dataclass(frozen=True, slots=True)
class Passage:
    """A text of one or two sentences, what it is about, and its embedding of unit length."""

    topic: str
    text: str
    vector: tuple[float, ...]


def shipped() -> list[Passage]:
    """The passages beside this file: descriptions of software, on seven topics."""
    return load(Path(__file__).with_name("data"))


def load(folder: Path) -> list[Passage]:
    """Read ``passages.json`` and ``passages_384.f16`` (rows of 384 little-endian half floats).

    Raises:
        ValueError: The two files hold different numbers of passages.
    """
    texts = json.loads((folder / "passages.json").read_text(encoding="utf-8"))
    rows = struct.iter_unpack(f"<{DIMENSIONS}e", (folder / "passages_384.f16").read_bytes())
    return [
        Passage(entry["topic"], entry["text"], row) for entry, row in zip(texts, rows, strict=True)
    ]


def padded(vector: Sequence[float], dimensions: int) -> list[float]:
    """A vector filled up with zeros, which changes no cosine."""
    return [*vector, *([0.0] * (dimensions - len(vector)))]


def literal(vector: Sequence[float], dimensions: int) -> str:
    """A vector as pgvector reads it, filled up with zeros."""
    numbers = [format(number, ".7g") for number in vector]
    return "[" + ",".join(numbers + ["0"] * (dimensions - len(numbers))) + "]"


def mean(vectors: Iterable[Sequence[float]]) -> list[float]:
    """The direction in the middle of some vectors, of unit length."""
    return _unit([sum(column) for column in zip(*vectors, strict=True)])


def noisy(vector: Sequence[float], other: Sequence[float], share: float = 0.3) -> list[float]:
    """A vector turned a little towards another one: a question in other words than the text."""
    return _unit([a + share * b for a, b in zip(vector, other, strict=True)])


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    """Cosine of the angle between two vectors of unit length."""
    product: float = sum(map(operator.mul, a, b))
    return product


def nearest(passages: Sequence[Passage], query: Sequence[float], count: int) -> list[Passage]:
    """The passages with the largest cosines, by comparing the query with every one of them."""
    return heapq.nlargest(count, passages, key=lambda passage: cosine(passage.vector, query))


def _unit(vector: Sequence[float]) -> list[float]:
    length = math.sqrt(sum(number * number for number in vector))
    return [number / length for number in vector]
