"""The tools that are not ours: each is installed once, or said to be absent."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fixtures.clusters import NEWEST

ROOT = Path(__file__).parents[2]
REQUIREMENTS = Path(__file__).parent / "requirements.txt"
FOLDER = ROOT / ".audit"
"""Where they are installed; git ignores it."""

PATIENCE = 300


class AbsentError(Exception):
    """The tool is not there, for a reason that is no fault of this project."""


class FailedError(Exception):
    """The tool is there, and did not do its work."""


def run(*command: str | Path, cwd: Path | None = None, **environment: str) -> str:
    """What a command prints; AbsentError where it cannot be run, or fails."""
    try:
        done = subprocess.run(
            list(map(str, command)),
            cwd=cwd,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AbsentError(f"{command[0]}: {error}") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise AbsentError(f"{' '.join(map(str, command[:4]))}: {' '.join(last)}")
    return done.stdout


def environment(folder: Path = FOLDER) -> Path:
    """The folder with the programs of requirements.txt; they are installed if they are not there.

    Raises:
        AbsentError: They could not be installed.
    """
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    made = folder / f"tools-{wanted}"
    # Written last: an installation that was stopped begins anew.
    done = made / "complete"
    if not done.exists():
        shutil.rmtree(made, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        run(sys.executable, "-m", "venv", made)
        run(made / "bin/python", "-m", "pip", "install", "-q", "--no-deps", "-r", REQUIREMENTS)
        done.touch()
    return made / "bin"


PACKAGE = f"postgresql-{NEWEST}-plpgsql-check"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SUITE = "sid"
"""Debian's stable releases have the package for older majors only."""


def plpgsql_check(folder: Path = FOLDER) -> Path:
    """The folder with the extension's library, and its SQL in ``extension/``.

    A package of Debian's, unpacked and not installed. It was built for the same major version, so
    that the embedded server loads it. Sources of this machine come first (such as those of the
    PostgreSQL project), then Debian's, at the address that this machine uses for its own release.

    Raises:
        AbsentError: The package could not be downloaded.
    """
    made = folder / PACKAGE
    if (made / "extension").is_dir():
        return made
    if sys.platform != "linux" or not shutil.which("apt-get"):
        raise AbsentError("there is no apt-get here to download it with")
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        draft = Path(name)
        try:
            run("apt-get", "download", PACKAGE, cwd=draft)
        except AbsentError:
            run("apt-get", *_debian(draft), "update")
            run("apt-get", *_debian(draft), "download", PACKAGE, cwd=draft)
        run("dpkg-deb", "-x", next(draft.glob("*.deb")), draft / "unpacked")
        files = draft / f"unpacked/usr/share/postgresql/{NEWEST}"
        for library in (draft / f"unpacked/usr/lib/postgresql/{NEWEST}/lib").glob("*.so"):
            shutil.copy(library, files)
        shutil.rmtree(made, ignore_errors=True)
        files.rename(made)
    return made


def _debian(draft: Path) -> list[str]:
    """Options for an apt that reads one suite of Debian, and leaves that of the machine alone."""
    listed = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
    addresses = [line for line in listed.split() if line.rstrip("/").endswith("/debian")]
    if not addresses or not KEYRING.exists():
        raise AbsentError(
            f"apt has no package {PACKAGE}, and no source of Debian's to get it from"
            " (`apt-get update` makes its sources known)"
        )
    sources = draft / "sources.list"
    # Those of others, who name a folder so, are longer.
    address = min(addresses, key=len)
    sources.write_text(f"deb [signed-by={KEYRING}] {address} {SUITE} main\n")
    for name in ("state/lists/partial", "cache/archives/partial"):
        (draft / name).mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::State": draft / "state",
        "Dir::Cache": draft / "cache",
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "APT::Sandbox::User": "root",
    }
    return [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
