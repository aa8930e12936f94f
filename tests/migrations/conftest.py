"""Alembic as users start it: from a shell, in the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

Shell = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def alembic() -> Shell:
    """Run ``alembic`` with arguments; the environment names no database but the given one."""

    def run(
        *arguments: str, url: str | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **variables}
        if "DATABASE_URL" not in variables:
            environment.pop("DATABASE_URL", None)
        target = ["-x", f"url={url}"] if url else []
        return subprocess.run(
            [sys.executable, "-m", "alembic", *target, *arguments],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run
