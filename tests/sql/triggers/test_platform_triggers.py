"""Triggers of the platform fire before ours, so that ours see what those have done."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fixtures.people import World

W = World()
TABLES = (
    "workspaces",
    "workspace_members",
    "documents",
    "document_chunks",
    "pdf_documents",
    "processed_documents",
)
VECTOR = "array_fill(0.5::real, array[768])::vector"


def plant(connection: Connection, table: str, task: str, body: str) -> None:
    """A trigger as platforms have them, before insert or update."""
    connection.exec_driver_sql(
        f"create function public.{task}() returns trigger language plpgsql"
        f" as $$ begin {body} return new; end $$"
    )
    connection.exec_driver_sql(
        f"create trigger {task} before insert or update on public.{table}"
        f" for each row execute function public.{task}()"
    )


@pytest.mark.parametrize("table", TABLES)
def test_ours_sort_after_every_usual_name(owner: Connection, table: str) -> None:
    names = sa.text(
        "select tgname from pg_trigger where tgrelid = cast(:table as regclass)"
        ' and not tgisinternal order by tgname collate "C"'
    )
    found = owner.execute(names, {"table": f"public.{table}"}).scalars().all()
    assert found
    assert all(name.startswith("zz_mivaa_") for name in found)


def test_a_platform_s_updated_at_does_not_make_an_embedding_an_edit(owner: Connection) -> None:
    plant(owner, "documents", "update_updated_at_column", "new.updated_at := now();")
    row = {"id": W.row("documents", "editor")}
    edited = sa.text("select updated_at = now() from public.documents where id = :id")
    owner.execute(
        sa.text(f"update public.documents set embedding_v2 = {VECTOR} where id = :id"), row
    )
    assert owner.execute(edited, row).scalar_one() is False
    owner.execute(sa.text("update public.documents set title = 'x' where id = :id"), row)
    assert owner.execute(edited, row).scalar_one() is True


def test_content_that_a_platform_trigger_rewrites_waits_for_a_new_embedding(
    owner: Connection,
) -> None:
    plant(owner, "documents", "normalise", "new.content := lower(new.content);")
    row = {"id": W.row("documents", "editor")}
    owner.execute(
        sa.text(f"update public.documents set embedding_v2 = {VECTOR} where id = :id"), row
    )
    owner.execute(sa.text("update public.documents set content = 'NEW' where id = :id"), row)
    asked = "select content, embedding_migration_status from public.documents where id = :id"
    assert tuple(owner.execute(sa.text(asked), row).one()) == ("new", "pending")


def test_content_that_a_platform_trigger_sets_back_was_not_changed(owner: Connection) -> None:
    plant(
        owner,
        "documents",
        "freeze_content",
        "if tg_op = 'UPDATE' then new.content := old.content; end if;",
    )
    row = {"id": W.row("documents", "editor")}
    owner.execute(
        sa.text(f"update public.documents set embedding_v2 = {VECTOR} where id = :id"), row
    )
    owner.execute(sa.text("update public.documents set content = 'x' where id = :id"), row)
    asked = "select embedding_migration_status from public.documents where id = :id"
    assert owner.execute(sa.text(asked), row).scalar_one() == "completed"


def test_a_workspace_that_a_platform_trigger_fills_in_is_taken(owner: Connection) -> None:
    plant(
        owner,
        "documents",
        "default_workspace",
        f"new.workspace_id := coalesce(new.workspace_id, '{W.b}');",
    )
    inserted = "insert into public.documents (title) values ('x') returning workspace_id"
    assert owner.exec_driver_sql(inserted).scalar_one() == W.b


def test_a_workspace_that_a_platform_trigger_takes_away_is_refused(owner: Connection) -> None:
    plant(owner, "documents", "forget_workspace", "new.workspace_id := null;")
    with pytest.raises(Exception, match="a row of documents needs a workspace_id"):
        owner.exec_driver_sql(
            f"insert into public.documents (workspace_id, title) values ('{W.a}', 'x')"
        )
