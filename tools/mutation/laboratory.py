"""One server for all mutants, and a pytest in a process of its own for each."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import pkgutil
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

import fixtures
from fixtures.clusters import NEWEST, SUPERUSER, Kind
from fixtures.databases import Database, janitor_of, let_owner_create, make_platform
from fixtures.people import World
from mivaa_schema.server import EmbeddedServer
from tools.mutation.mutants import Mutant, all_mutants

ROOT = Path(__file__).parents[2]

KIND = Kind(NEWEST, "extensions", "legacy")

# A mutant may wait for ever, or go round in circles: the server ends that, and the test fails.
_SETTINGS = {
    "max_connections": "100",
    "shared_buffers": "256MB",
    "statement_timeout": "60s",
    "lock_timeout": "20s",
}


class Laboratory:
    """A server with the databases that mutants are made from."""

    def __init__(self, home: Path) -> None:
        self.server = EmbeddedServer(
            home, major=NEWEST, superuser=SUPERUSER, durable=False, extra_conf=_SETTINGS
        )

    def prepare(self) -> None:
        """Make what every mutant starts from: the platform, the chain at head, the world."""
        self.server.start()
        self._template("platform", None, lambda made: make_platform(made, KIND))
        self._template("head", "platform", Database.upgrade)
        self._template("world", "head", World().create)

    def _template(self, name: str, base: str | None, complete: Callable[[Database], None]) -> None:
        made = self.clone(name, base)
        complete(made)
        for engine in made._engines.values():
            engine.dispose()

    def clone(self, name: str, base: str | None) -> Database:
        """Make a database from another one."""
        servers = self.servers
        janitor_of(servers, NEWEST, name, base).init()
        made = Database(servers, NEWEST, name)
        if base:
            let_owner_create(made)
        return made

    def servers(self, major: int) -> EmbeddedServer:
        if major != NEWEST:
            pytest.skip(f"mutants live on {NEWEST}")
        return self.server

    def mutants(self) -> list[Mutant]:
        """All mutants of the schema at head."""
        made = Database(self.servers, NEWEST, "head")
        with made.superuser() as connection:
            found = all_mutants(connection)
        made.engine(SUPERUSER).dispose()
        return found

    def mutate(self, name: str, base: str, mutant: Mutant) -> Database:
        """Make a database from another one, and take from it what the mutant lacks."""
        made = self.clone(name, base)
        with made.superuser() as connection:
            # Loads the library: settings of it are set by definitions of functions.
            connection.exec_driver_sql("select '[1]'::extensions.vector")
            run = {"no_parameters": True}
            connection.exec_driver_sql(mutant.sql or "select 1", execution_options=run)
        made.engine(SUPERUSER).dispose()
        return made

    def forget(self, mark: str) -> None:
        """Drop the databases whose names end in a mark, or have it before a number."""
        made = Database(self.servers, NEWEST, "postgres")
        with made.engine(SUPERUSER).connect() as connection:
            free = connection.execution_options(isolation_level="AUTOCOMMIT")
            query = f"select datname from pg_database where datname ~ '_{mark}(_[0-9]+)?$'"
            for (name,) in free.exec_driver_sql(query).all():
                free.exec_driver_sql(f'drop database "{name}" with (force)')
        made.engine(SUPERUSER).dispose()


@contextlib.contextmanager
def laboratory() -> Iterator[Laboratory]:
    """A laboratory in a folder of its own, ready for work; gone in the end."""
    home = Path(tempfile.mkdtemp(prefix="mivaa-mutants-"))
    home.chmod(0o755)
    opened = Laboratory(home)
    try:
        opened.prepare()
        yield opened
    finally:
        opened.server.stop()
        shutil.rmtree(home, ignore_errors=True)


class Specimen:
    """A plugin of pytest: its databases are those of a mutant, and it knows who noticed."""

    def __init__(self, laboratory: Laboratory, mutant: Mutant) -> None:
        self.laboratory = laboratory
        self.mutant = mutant
        self.made: dict[str, str] = {}
        self.caught_by = ""

    def template(self, base: str) -> Callable[[int], str]:
        def name_of(major: int) -> str:
            self.laboratory.servers(major)
            if base not in self.made:
                name = f"{base}_{os.getpid()}"
                self.laboratory.mutate(name, base, self.mutant)
                self.made[base] = name
            return self.made[base]

        return name_of

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        # What is registered last comes before fixtures of the same name.
        session.config.pluginmanager.register(_Fixtures(self))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.caught_by:
            self.caught_by = report.nodeid


class _Fixtures:
    """Takes the place of the fixtures that start servers and make templates."""

    def __init__(self, specimen: Specimen) -> None:
        self.specimen = specimen

    @pytest.fixture(scope="session")
    def servers(self) -> Callable[[int], EmbeddedServer]:
        return self.specimen.laboratory.servers

    @pytest.fixture(scope="session")
    def platform_template(self) -> Callable[[int], str]:
        return lambda major: "platform"

    @pytest.fixture(scope="session")
    def head_template(self) -> Callable[[int], str]:
        return self.specimen.template("head")

    @pytest.fixture(scope="session")
    def world_template(self) -> Callable[[int], str]:
        return self.specimen.template("world")

    @pytest.fixture(scope="session")
    def shared_world(self) -> Database:
        # Many a mutant is caught in this one: it is not worth a template.
        mutant = self.specimen.mutant
        return self.specimen.laboratory.mutate(f"shared_{os.getpid()}", "world", mutant)


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant.

    Attributes:
        mutant: The mutant.
        caught_by: The test that failed first; empty where all passed.
        printed: What pytest printed last.
    """

    mutant: Mutant
    caught_by: str
    printed: str


class BrokenError(Exception):
    """The tests could not be run at all."""


@dataclass
class _Running:
    """A running pytest; what it prints goes to one file, the name of a failed test to another.

    The suspect is a test that failed before, and now is run alone.
    """

    mutant: Mutant
    rounds: list[Sequence[Path]]
    suspect: str
    printed: Path
    failed: Path
    until: float


def examine(
    laboratory: Laboratory,
    mutants: Sequence[Mutant],
    rounds_of: Callable[[Mutant], list[Sequence[Path]]],
    *,
    jobs: int = 2,
    deselected: Sequence[str] = (),
    patience: float = 1200,
) -> Iterator[Outcome]:
    """Run the tests against each mutant until one fails.

    Args:
        laboratory: Where the mutants live.
        mutants: In any order.
        rounds_of: The files of tests for a mutant, those first that are likely to catch it: a
            round is a run of pytest, and the next one follows where all of it passes. Who fails in
            a later round is not expected to know the mutant, so has to fail twice.
        jobs: Processes at a time.
        deselected: Tests that are not run.
        patience: Seconds after which a run that does not end is given up.

    Yields:
        Each as it comes.

    Raises:
        BrokenError: pytest could not run, or did not end.
    """
    _import_fixtures()
    waiting = [(mutant, rounds_of(mutant), "") for mutant in reversed(mutants)]
    running: dict[int, _Running] = {}
    numbers = itertools.count()
    with tempfile.TemporaryDirectory() as folder:
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    mutant, rounds, suspect = waiting.pop()
                    at = next(numbers)
                    started = _Running(
                        mutant,
                        rounds,
                        suspect,
                        Path(folder, f"{at}.printed"),
                        Path(folder, f"{at}.failed"),
                        time.monotonic() + patience,
                    )
                    running[_fork(laboratory, started, deselected)] = started
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    time.sleep(0.05)
                    for late in running.values():
                        if late.until < time.monotonic():
                            raise BrokenError(f"{late.mutant}: pytest does not end")
                    continue
                ended = running.pop(pid)
                laboratory.forget(str(pid))
                code = os.waitstatus_to_exitcode(status)
                caught_by = ended.failed.read_text("utf-8") if ended.failed.exists() else ""
                printed = ended.printed.read_text("utf-8", errors="replace")
                if code == pytest.ExitCode.TESTS_FAILED and caught_by:
                    is_first = len(ended.rounds) == len(rounds_of(ended.mutant))
                    if is_first or ended.suspect:
                        yield Outcome(ended.mutant, caught_by, printed)
                    else:
                        waiting.append((ended.mutant, ended.rounds, caught_by))
                elif code != pytest.ExitCode.OK:
                    raise BrokenError(f"{ended.mutant}: pytest ended with {code}\n{printed}")
                elif ended.suspect:
                    waiting.append((ended.mutant, ended.rounds, ""))
                elif len(ended.rounds) > 1:
                    waiting.append((ended.mutant, ended.rounds[1:], ""))
                else:
                    yield Outcome(ended.mutant, "", printed)
                for file in (ended.printed, ended.failed):
                    file.unlink(missing_ok=True)
        finally:
            for pid in running:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                laboratory.forget(str(pid))


def _import_fixtures() -> None:
    """Import what every run would import anew; some of it takes seconds."""
    for module in pkgutil.iter_modules(fixtures.__path__):
        importlib.import_module(f"fixtures.{module.name}")


def _fork(laboratory: Laboratory, running: _Running, deselected: Sequence[str]) -> int:
    """Run pytest in a copy of this process, which has imported everything already."""
    sys.stdout.flush()
    sys.stderr.flush()
    if pid := os.fork():
        return pid
    code = int(pytest.ExitCode.INTERNAL_ERROR)
    try:
        with running.printed.open("w") as printed:
            os.dup2(printed.fileno(), 1)
            os.dup2(printed.fileno(), 2)
        os.chdir(ROOT)
        specimen = Specimen(laboratory, running.mutant)
        files = [running.suspect] if running.suspect else map(str, running.rounds[0])
        options = [*_OPTIONS, *(f"--deselect={test}" for test in deselected)]
        code = int(pytest.main([*options, *files], plugins=[specimen]))
        running.failed.write_text(specimen.caught_by, encoding="utf-8")
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


# That a law finds faults is no news about the mutant.
_OPTIONS = (
    "--exitfirst",
    "--quiet",
    "--no-header",
    "--tb=short",
    # Plain, since this process has imported what pytest would rewrite.
    "--assert=plain",
    "-p",
    "no:cacheprovider",
    "-k",
    "not finds_a_fault and not leaves_a_look_alike_alone",
)
