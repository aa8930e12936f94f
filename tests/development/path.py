"""The developer's path, from an edit to a revision that runs, or to one clear message."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from development.edits import Edit

from fixtures.databases import Database
from fixtures.dump import program
from fixtures.forking import Commands, Done
from fixtures.projects import Project

DRAFTS, REFUSED, EITHER, NOTHING = "drafts", "refused", "drafts or is refused", "writes nothing"

EMPTY, FULL, ADOPTED, MESSY = "empty", "full", "adopted", "messy"
"""What the database is to which the revision is drafted; the script runs on an empty one at head.

An adopted one gets the script on a copy of itself.
"""

OLD_TABLES = (
    "workspaces",
    "workspace_members",
    "documents",
    "document_chunks",
    "pdf_documents",
    "processed_documents",
    "migration_tracking",
    "ledger",
)


@dataclass(frozen=True)
class Check:
    """A question to the database after the upgrade, in a transaction that is rolled back."""

    sql: str
    answer: Any


@dataclass(frozen=True)
class Case:
    """One edit and what comes of it.

    Attributes:
        name: Reads as a sentence; the id of the test.
        edits: What is done to the files.
        expect: One of the four above.
        says: What a refusal has to name, in any case of letters.
        first: Edits that are drafted and upgraded to beforehand, as a revision of their own.
        sql: What is run on the databases before, as the owner of the tables.
        checks: What the databases answer after the upgrade.
        script: Patterns that the offline script has to hold, in this order.
        lacks: Patterns that neither script nor revision may hold.
        on: The database to which the revision is drafted.
        rewrites: Whether a table may be written anew.
        moves: Whether columns that come back do so as the last ones.
        keeps: Whether the schema may stay as it is, with a revision or without one.
    """

    name: str
    edits: tuple[Edit, ...]
    expect: str = DRAFTS
    says: tuple[str, ...] = ()
    first: tuple[Edit, ...] = ()
    sql: str = ""
    checks: tuple[Check, ...] = ()
    script: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    on: str = FULL
    rewrites: bool = False
    moves: bool = False
    keeps: bool = False

    def __str__(self) -> str:
        return self.name


def together(name: str, *cases: Case, script: tuple[str, ...] = ()) -> Case:
    """Cases whose edits do not meet, as one revision."""
    assert all(case.expect == DRAFTS and not case.first and not case.sql for case in cases)
    edits = dict.fromkeys(edit for case in cases for edit in case.edits)
    checks = tuple(check for case in cases for check in case.checks)
    return Case(name, tuple(edits), checks=checks, script=script)


@dataclass
class DevelopersPath:
    """A project and the databases on which its commands run."""

    case: Case
    project: Project
    commands: Commands
    online: Database
    offline: Database
    revision: Path | None = field(default=None, init=False)

    def walk(self) -> None:
        """Edit, draft, and run what was drafted; or be refused."""
        for database in (self.online, self.offline):
            if self.case.sql:
                execute(database, self.case.sql)
        if self.case.first:
            self._edit(self.case.first)
            self._succeed("revision", "--autogenerate", "-m", "Before")
            self._succeed("upgrade", "head")
            self._succeed("upgrade", "head", database=self.offline)
        self._edit(self.case.edits)
        below = self.project.head()
        files, before = self._files(), self.online.dump()
        done = self._alembic("revision", "--autogenerate", "-m", "The change")
        assert_same(before, self.online.dump(), "drafting")
        if self.case.expect == NOTHING:
            assert done.code == 0, str(done)
            assert "Nothing has changed" in done.out, str(done)
            assert self._files() == files
        elif self.case.expect == REFUSED or (self.case.expect == EITHER and done.code):
            self._assert_refused(done, files)
        elif self.case.keeps and "Nothing has changed" in done.out:
            assert self._files() == files
        else:
            assert done.code == 0, str(done)
            self.revision = self.project.newest()
            assert self.revision.name.startswith(f"{int(below) + 1:04d}_"), (
                "no revision was written"
            )
            try:
                self._run_revision(below, before)
            except AssertionError as error:
                text = self.revision.read_text(encoding="utf-8")
                raise AssertionError(f"{error}\n\n{self.revision.name}:\n{text}") from None

    def _run_revision(self, below: str, before: str) -> None:
        assert self.revision
        drafted = self.revision.read_text(encoding="utf-8")
        assert "..." not in re.sub(r'^""".*?"""', "", drafted, count=1, flags=re.S), "unfinished"
        files = relation_files(self.online)
        unfinished = states(self.online)
        self._succeed("upgrade", "head")
        after = self.online.dump()
        if not self.case.keeps:
            assert after != before, "the upgrade changed nothing"
        assert states(self.online) - unfinished == set(), "left invalid"
        if not self.case.rewrites:
            now = relation_files(self.online)
            kept = files.keys() & now.keys()
            assert {n: now[n] for n in kept} == {n: files[n] for n in kept}, "a table was rewritten"
        self._ask(self.online)
        done = self._succeed("check")
        assert "No new upgrade operations" in done.out, str(done)
        self._succeed("downgrade", "-1")
        back = self.online.dump()
        assert_same(before, back, "the downgrade", unordered=self.case.moves)
        self._succeed("upgrade", "head")
        assert_same(after, self.online.dump(), "the second upgrade", unordered=self.case.moves)
        self._run_script(below, after)
        assert "phase" not in drafted.lower(), "a drafted revision needs no phase"

    def _run_script(self, below: str, after: str) -> None:
        before = self.offline.dump()
        script = self._succeed("upgrade", f"{below}:head", "--sql").out
        assert_live(script)
        at = 0
        for pattern in self.case.script:
            found = re.compile(pattern, re.I | re.S).search(script, at)
            assert found, f"the script lacks {pattern}:\n{script}"
            at = found.end()
        for pattern in self.case.lacks:
            assert not re.search(pattern, script, re.I | re.S), f"{pattern} in:\n{script}"
        psql(self.offline, script)
        assert_same(after, self.offline.dump(), "the script", unordered=self.case.moves)
        self._ask(self.offline)
        psql(self.offline, self._succeed("downgrade", f"head:{below}", "--sql").out)
        back = self.offline.dump()
        assert_same(before, back, "the script of the downgrade", unordered=self.case.moves)

    def _ask(self, database: Database) -> None:
        for check in self.case.checks:
            with database.engine().connect() as connection:
                answer = connection.exec_driver_sql(
                    check.sql, execution_options={"no_parameters": True}
                ).scalar()
                connection.rollback()
            assert answer == check.answer, f"{check.sql}: {answer!r}, expected {check.answer!r}"

    def _assert_refused(self, done: Done, files: dict[Path, bytes]) -> None:
        assert done.code != 0, f"nothing was refused\n{done}\n{self.project.newest().read_text()}"
        assert self._files() == files, f"files were written\n{done}"
        assert "Traceback" not in done.out + done.err, str(done)
        assert done.out.count("FAILED:") == 1, str(done)
        for said in self.case.says:
            assert said.lower() in done.out.lower(), f"{said!r} is not said\n{done}"

    def _edit(self, edits: tuple[Edit, ...]) -> None:
        for edit in edits:
            edit(self.project)

    def _files(self) -> dict[Path, bytes]:
        versions = self.project.folder / "alembic" / "versions"
        return {
            path: path.read_bytes()
            for path in sorted(versions.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        }

    def _alembic(self, *arguments: str, database: Database | None = None) -> Done:
        database = database or self.online
        return self.commands.run(self.project.folder, "alembic", *arguments, database=database)

    def _succeed(self, *arguments: str, database: Database | None = None) -> Done:
        done = self._alembic(*arguments, database=database)
        assert done.code == 0, str(done)
        return done


Walk = Callable[[Case], None]


def execute(database: Database, sql: str) -> None:
    """Run SQL as the owner of the tables."""
    with database.owner() as connection:
        connection.exec_driver_sql(sql, execution_options={"no_parameters": True})


def psql(database: Database, script: str) -> None:
    """Run a script as a person would."""
    done = subprocess.run(
        [program(database.major, "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", database.url()],
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"psql: {done.stderr}\n{script}"


def assert_same(before: str, after: str, what: str, *, unordered: bool = False) -> None:
    """Two dumps are the same; the message shows the lines that differ."""
    one, two = before.splitlines(), after.splitlines()
    if unordered:
        one, two = (sorted(line.rstrip(",") for line in lines) for lines in (one, two))
    if one != two:
        lost = [f"- {line}" for line in one if line not in set(two)]
        come = [f"+ {line}" for line in two if line not in set(one)]
        raise AssertionError(f"{what} left another schema:\n" + "\n".join(lost + come))


def relation_files(database: Database) -> dict[str, int]:
    """The file in which each table is stored: another one after a rewrite."""
    return dict(
        _rows(
            database,
            "select c.oid::regclass::text, pg_relation_filenode(c.oid) from pg_class c"
            " where c.relkind = 'r' and c.relnamespace in ('public'::regnamespace,"
            " 'mivaa'::regnamespace)",
        )
    )


def states(database: Database) -> set[str]:
    """Indexes that are invalid and constraints that are not validated."""
    rows = _rows(
        database,
        "select indexrelid::regclass::text from pg_index where not indisvalid"
        " union all select conrelid::regclass || '.' || conname from pg_constraint"
        " where not convalidated",
    )
    return {name for (name,) in rows}


def _rows(database: Database, sql: str) -> list[tuple[Any, ...]]:
    with database.superuser() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(sql)]


_OLD = rf"(?:only\s+)?(?:(?:public|mivaa)\.)?(?P<table>{'|'.join(OLD_TABLES)})\b"
_INDEX = re.compile(rf"create\s+(?:unique\s+)?index\s+(?!concurrently)[^;]*?\bon\s+{_OLD}", re.I)
_CONSTRAINT = re.compile(
    rf"alter\s+table\s+(?:if exists\s+)?{_OLD}[^;]*?\badd\s+constraint[^;]*", re.I
)


def assert_live(script: str) -> None:
    """On tables with rows, indexes are built concurrently and constraints added not valid."""
    found = _INDEX.search(script)
    assert not found, f"an index is not built concurrently: {found and found[0]}"
    for statement in _CONSTRAINT.finditer(script):
        text = statement[0].lower()
        harmless = "not valid" in text or "using index" in text
        assert harmless, f"a constraint is added with the table locked: {text}"
