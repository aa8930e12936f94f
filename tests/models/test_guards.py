"""Our tables, and the platform's accounts, are safe from create_all and drop_all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from fixtures.databases import Database
from mivaa_schema.models import Base, Document, MadeByRevisions


@pytest.fixture
def own() -> Iterator[sa.Table]:
    """A table that an application has put into our metadata."""
    key = sa.Column("id", sa.Uuid(), primary_key=True)
    table = sa.Table("notes_of_an_application", Base.metadata, key)
    yield table
    Base.metadata.remove(table)


def tables(database: Database) -> set[str]:
    with database.owner() as connection:
        return set(sa.inspect(connection).get_table_names("public"))


def test_drop_all_drops_nothing(world_database: Database) -> None:
    before = tables(world_database)
    with pytest.raises(MadeByRevisions, match="Revisions make document_chunks, documents"):
        Base.metadata.drop_all(world_database.engine())
    assert tables(world_database) == before
    with world_database.superuser() as connection:
        assert connection.scalar(sa.text("select count(*) from auth.users"))


def test_create_all_creates_nothing_of_ours(platform_database: Database) -> None:
    with pytest.raises(MadeByRevisions, match="alembic upgrade head"):
        Base.metadata.create_all(platform_database.engine())
    assert tables(platform_database) == set()


def test_tables_of_an_application_are_created_and_dropped(
    head_database: Database, own: sa.Table
) -> None:
    engine = head_database.engine()
    Base.metadata.create_all(engine)
    assert own.name in tables(head_database)
    Base.metadata.drop_all(engine, tables=[own])
    assert own.name not in tables(head_database)


def test_no_table_of_the_platform_is_in_the_metadata() -> None:
    assert {table.schema for table in Base.metadata.tables.values()} == {None}


def test_a_model_of_ours_may_name_the_users_of_the_platform(head_database: Database) -> None:
    key = sa.Column("author_id", sa.ForeignKey("auth.users.id", ondelete="SET NULL"))
    id_ = sa.Column("id", sa.Uuid(), primary_key=True)
    table = sa.Table("written_by", Base.metadata, id_, key)
    try:
        assert isinstance(table.c.author_id.type, sa.Uuid)
        Base.metadata.create_all(head_database.engine())
        with head_database.owner() as connection:
            (found,) = sa.inspect(connection).get_foreign_keys("written_by")
        assert (found["referred_schema"], found["referred_table"]) == ("auth", "users")
        Base.metadata.drop_all(head_database.engine(), tables=[table])
    finally:
        Base.metadata.remove(table)


class Application(DeclarativeBase):
    """A declarative base of an application's own."""


class Note(Application):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[object] = mapped_column(sa.ForeignKey(Document.id, ondelete="CASCADE"))
    document: Mapped[Document] = relationship(Document)


def test_models_combine_with_another_declarative_base(world_database: Database) -> None:
    engine = world_database.engine()
    Application.metadata.create_all(engine)
    with sa.orm.Session(engine) as session:
        document = session.scalars(sa.select(Document).limit(1)).one()
        session.add(Note(document=document))
        session.commit()
        assert session.scalars(sa.select(Note)).one().document is document
    Application.metadata.drop_all(engine)
    assert "documents" in tables(world_database)
