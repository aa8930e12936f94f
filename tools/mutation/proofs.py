"""Mutants that nobody can tell from the original."""

from __future__ import annotations

import tomllib
from pathlib import Path

EQUIVALENT = Path(__file__).with_name("equivalent.toml")


def proofs() -> dict[str, str]:
    """The proof for each of them, by name."""
    listed = tomllib.loads(EQUIVALENT.read_text("utf-8"))["equivalent"]
    return {
        name.replace("{table}", table): entry["proof"]
        for entry in listed
        for table in entry.get("tables", [""])
        for name in entry["mutants"]
    }
