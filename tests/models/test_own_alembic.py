"""An application's own Alembic lives in the same database, and neither sees the other."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from fixtures.databases import Database
from mivaa_schema import drift

ROOT = Path(__file__).parents[2]
APPLICATION = """
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from mivaa_schema.models import Document

class Base(DeclarativeBase):
    pass

class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    document_id = mapped_column(sa.ForeignKey(Document.id, ondelete="CASCADE"))
"""


IMPORTS = """\
from application import Base
from mivaa_schema.models import include_object

target_metadata = Base.metadata
SCHEMAS = False
"""


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def alembic(tmp_path: Path, head_database: Database) -> Callable[..., str]:
    """Alembic in a project that ``alembic init`` has made, and that follows our page."""

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "alembic", *words],
            env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    url = sa.make_url(head_database.url()).render_as_string(hide_password=False)
    run("init", "migrations")
    (tmp_path / "application.py").write_text(APPLICATION)
    ini, env = tmp_path / "alembic.ini", tmp_path / "migrations" / "env.py"
    replace(ini, "driver://user:pass@localhost/dbname", url.replace("%", "%%"))
    replace(env, "target_metadata = None", IMPORTS)
    options = "include_object=include_object, include_schemas=SCHEMAS"
    replace(env, "target_metadata=target_metadata", f"target_metadata=target_metadata, {options}")
    return run


@pytest.mark.parametrize("schemas", [False, True])
def test_own_alembic_sees_its_own_tables_alone(
    alembic: Callable[..., str], head_database: Database, tmp_path: Path, schemas: bool
) -> None:
    replace(tmp_path / "migrations" / "env.py", "SCHEMAS = False", f"SCHEMAS = {schemas}")
    before = head_database.dump()
    alembic("revision", "--autogenerate", "-m", "Notes")
    (revision,) = (tmp_path / "migrations" / "versions").glob("*.py")
    text = revision.read_text()
    assert text.count("op.create_table") == 1
    assert text.count("op.drop_table") == 1  # in its downgrade
    assert "'notes'" in text
    assert "drop_index" not in text
    assert "drop_constraint" not in text
    alembic("upgrade", "head")
    assert "No new upgrade operations detected" in alembic("check")
    with head_database.owner() as connection:
        assert not drift.find(connection)
    head_database.downgrade("-1")
    head_database.upgrade()
    assert "No new upgrade operations detected" in alembic("check")
    alembic("downgrade", "base")
    with head_database.owner() as connection:
        connection.exec_driver_sql("drop table public.alembic_version")
    assert head_database.dump() == before
