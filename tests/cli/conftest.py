"""The command as a user runs it, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from mivaa_schema.cli import main
from mivaa_schema.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.testing import Result


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="mivaa-test-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    EmbeddedServer(made / ".mivaa").stop()
    shutil.rmtree(made)


@pytest.fixture
def mivaa(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command with no configuration but the current folder."""
    for name in [name for name in os.environ if name.startswith(("MIVAA_", "DATABASE_URL"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(folder)

    def run(*words: str) -> Result:
        return CliRunner().invoke(main, words)

    return run
