"""Revisions of several branches are put in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.databases import Database
from fixtures.projects import Project

REVISION = '''\
"""{title} — naïve.

Revision ID: {number}
Revises: {down}
"""

from alembic import op

revision = "{number}"
down_revision = "{down}"

PHASE = "ä", "{number}", "00130013"


def upgrade():
    op.execute("create table public.{title} (id int)")


def downgrade():
    op.execute("drop table public.{title}")
'''


class Branches(Project):
    def add(self, number: str, title: str, down: str) -> Path:
        path = self.folder / f"alembic/versions/{number}_{title}.py"
        path.write_text(REVISION.format(number=number, title=title, down=down))
        path.with_suffix("").mkdir()
        (path.with_suffix("") / "rollback.sql").write_text(f"drop table public.{title};\n")
        return path

    def refusal(self, *arguments: str, database: Database | None = None) -> str:
        with pytest.raises(AssertionError) as caught:
            self.run(*arguments, database=database)
        assert "Traceback" not in str(caught.value)
        return str(caught.value)


@pytest.fixture
def branches(tmp_path: Path) -> Branches:
    return Branches(tmp_path)


@pytest.mark.parametrize(
    ("second", "arguments"),
    [
        ("0013", ("upgrade", "heads")),
        ("0013", ("merge", "heads")),
        ("0013", ("revision", "-m", "third")),
        ("0014", ("upgrade", "head")),
        ("0014", ("current",)),
    ],
)
def test_two_heads_are_named_by_their_files(
    branches: Branches, head_database: Database, arguments: tuple[str, ...], second: str
) -> None:
    branches.add("0013", "apples", "0012")
    branches.add(second, "pears", "0012")
    said = branches.refusal("alembic", *arguments, database=head_database)
    assert f"0013_apples.py, {second}_pears.py" in said
    assert f"mivaa-schema renumber {second}_pears.py" in said


@pytest.mark.parametrize("second", ["0013", "0014"])
@pytest.mark.parametrize("command", ["freeze", "drift", "preflight", "repair", "abandon 0013"])
def test_every_command_names_two_heads(
    branches: Branches, head_database: Database, command: str, second: str
) -> None:
    branches.add("0013", "apples", "0012")
    branches.add(second, "pears", "0012")
    said = branches.refusal("mivaa_schema", *command.split(), database=head_database)
    assert f"0013_apples.py, {second}_pears.py" in said


@pytest.mark.usefixtures("embedded")
def test_renumbered_revision_comes_last(branches: Branches, head_database: Database) -> None:
    branches.add("0013", "apples", "0012")
    branches.add("0013", "pears", "0012")
    said = branches.run("mivaa_schema", "renumber", "0013_pears.py")
    assert "0014_pears.py" in said
    assert "mivaa-schema freeze" in said
    branches.run("mivaa_schema", "freeze")
    rollback = branches.folder / "alembic/versions/0014_pears/rollback.sql"
    assert "version_num='0013'" in rollback.read_text()
    text = (branches.folder / "alembic/versions/0014_pears.py").read_text()
    assert "Revision ID: 0014\nRevises: 0013\n" in text
    assert 'PHASE = "ä", "0014", "00130013"' in text
    assert not (branches.folder / "alembic/versions/0013_pears").exists()
    branches.run("alembic", "upgrade", "head", database=head_database)
    assert "0014 (head)" in branches.run("alembic", "current", database=head_database)


def test_other_head_of_a_higher_number_keeps_it(branches: Branches) -> None:
    branches.add("0013", "apples", "0012")
    branches.add("0014", "pears", "0012")
    branches.run("mivaa_schema", "renumber", "0014")
    assert "Revises: 0013" in (branches.folder / "alembic/versions/0014_pears.py").read_text()
    assert "0014 (head)" in branches.run("alembic", "heads")


def test_branch_of_two_revisions_keeps_its_order(branches: Branches) -> None:
    branches.add("0013", "apples", "0012")
    branches.add("0013", "pears", "0012")
    plums = branches.add("0014", "plums", "0013")
    plums.write_text(plums.read_text() + '\nPEARS = "0013"\n')
    said = branches.run("mivaa_schema", "renumber", "0013_pears.py", "0014")
    assert "0014_pears.py" in said
    assert "0015_plums.py" in said
    text = plums.with_name("0015_plums.py").read_text()
    assert "Revision ID: 0015\nRevises: 0014\n" in text
    assert 'PEARS = "0014"' in text, "what names a revision of the branch follows it"
    assert plums.with_name("0015_plums").is_dir()
    history = branches.run("alembic", "history")
    assert history.index("0014 -> 0015") < history.index("0013 -> 0014")


def test_part_of_a_branch_and_a_wrong_order_are_refused(branches: Branches) -> None:
    branches.add("0013", "apples", "0012")
    branches.add("0013", "pears", "0012")
    branches.add("0014", "plums", "0013")
    said = branches.refusal("mivaa_schema", "renumber", "0013_pears.py")
    assert "0014_plums.py follows 0013, which two files are" in said
    said = branches.refusal("mivaa_schema", "renumber", "0014_plums.py", "0013_pears.py")
    assert "`0014_plums.py` is not renumbered: it comes after 0013_pears.py" in said
    branches.run("mivaa_schema", "renumber", "--alone", "0013_pears.py")
    history = branches.run("alembic", "history")
    assert history.index("0014 -> 0015 (head), pears") < history.index("0013 -> 0014, plums")


def test_branch_of_two_beside_another_of_two_is_put_behind_it(branches: Branches) -> None:
    branches.add("0013", "apples", "0012")
    branches.add("0014", "plums", "0013")
    branches.add("0013", "pears", "0012")
    branches.add("0014", "quinces", "0013")
    branches.run("mivaa_schema", "renumber", "0013_pears", "0014_quinces.py")
    assert "0016 (head)" in branches.run("alembic", "heads")
    history = branches.run("alembic", "history")
    assert history.index("0015 -> 0016") < history.index("0014 -> 0015")


def test_what_cannot_be_renumbered_is_refused(branches: Branches) -> None:
    branches.add("0013", "apples", "0012")
    assert "it is the last one already" in branches.refusal("mivaa_schema", "renumber", "0013")
    assert "0013_apples.py comes after it" in branches.refusal("mivaa_schema", "renumber", "0012")
    every = [f"{number:04d}" for number in range(1, 14)]
    assert "it is the last one already" in branches.refusal("mivaa_schema", "renumber", *every)
    assert "Revision `0099` is not renumbered: no revision of that name" in branches.refusal(
        "mivaa_schema", "renumber", "0099"
    )
    branches.add("0013", "pears", "0012")
    said = branches.refusal("mivaa_schema", "renumber", "0013")
    assert "2 revisions 0013: 0013_apples.py, 0013_pears.py" in said
