"""The package on every Python that it says it runs on, as far as the machine has them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from tempfile import mkdtemp

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")

USE = """
import uuid
import numpy as np
from sqlalchemy.orm import Session
from mivaa_schema.database import open_engine
from mivaa_schema.identity import Identity, guard, identify, tokens
from mivaa_schema.models import Document, DocumentChunk, Workspace
from mivaa_schema.search import search_chunks
from mivaa_schema.settings import Settings
from examples import search_api

engine = open_engine(Settings.resolve({}, {}))
with Session(engine) as session:
    session.add(workspace := Workspace(name="North"))
    session.flush()
    session.add(document := Document(workspace_id=workspace.id, title="Bees"))
    session.flush()
    document.chunks.append(DocumentChunk(chunk_index=0, content="Bees", embedding_v2=np.ones(768)))
    session.commit()
    (found,) = search_chunks(session, np.ones(768), workspace_id=workspace.id)
    assert found.content == "Bees"
with identify(Session(guard(engine)), Identity.of_user(uuid.uuid4())) as session:
    assert session.query(Document).count() == 0
print("all of it works")
"""


def interpreter(version: str) -> str | None:
    """A Python of this version that can make virtual environments."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{version}")]
    candidates += [str(path / "bin/python") for path in sorted(pyenv.glob(f"{version}.*"))]
    for path in filter(None, candidates):
        code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:
            return path
    return None


def test_the_readme_and_the_package_name_the_same_versions() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"Python {VERSIONS[0]} to {VERSIONS[-1]}" in readme
    assert PROJECT["requires-python"] == f">={VERSIONS[0]}"
    named = [
        match[1]
        for name in PROJECT["classifiers"]
        if (match := re.search(r":: Python :: (3\.\d+)$", name))
    ]
    assert tuple(named) == VERSIONS


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_everything_installs_and_works(version: str) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"this machine has no Python {version}")
    # Not pytest's own folder: the server runs as another user, who cannot enter that one.
    folder = Path(mkdtemp(prefix="mivaa-python-"))
    folder.chmod(0o755)
    copied = shutil.ignore_patterns(".venv", ".mivaa", ".git", "__pycache__", ".site")
    project = shutil.copytree(ROOT, folder / "project", ignore=copied)
    environ = {**os.environ, "HOME": str(folder), "PYTHONPATH": ""}
    for variable in ("DATABASE_URL", "MIVAA_HOME"):
        environ.pop(variable, None)

    def run(*words: str) -> str:
        done = subprocess.run(
            words, cwd=project, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    bin_ = project / ".venv" / "bin"
    try:
        run(python, "-m", "venv", ".venv")
        install = (str(bin_ / "pip"), "install", "-q", "-c", "constraints.txt")
        run(*install, ".[all]", "numpy")
        run(str(bin_ / "mivaa-schema"), "upgrade")
        assert "0012 (head)" in run(str(bin_ / "mivaa-schema"), "current")
        run(str(bin_ / "mivaa-schema"), "check")
        used = run(str(bin_ / "python"), "-W", "error", "-c", USE)
        assert used.strip() == "all of it works"
        run(str(bin_ / "mivaa-schema"), "downgrade", "base", "--yes")
    finally:
        if (bin_ / "mivaa-schema").exists():
            run(str(bin_ / "mivaa-schema"), "server", "stop")
        shutil.rmtree(folder)
