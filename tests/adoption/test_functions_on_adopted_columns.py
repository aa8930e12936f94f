"""The functions that applications call work on columns of the platform's own types."""

from __future__ import annotations

import pytest

from fixtures.databases import Database
from fixtures.existing_platform import ExistingPlatform, run
from fixtures.people import acting, as_user

COLUMNS = """
alter table public.documents
  add column title varchar(300), add column user_id uuid,
  add column status varchar(20) not null default 'active',
  add column embedding_v2 vector(768), add column embedding_model varchar(200),
  add column embedding_migration_status varchar(30);
update public.documents set title = name, embedding_model = 'of old',
  embedding_v2 = subvector(embedding, 1, 768), embedding_migration_status = 'migrated'
  where workspace_id is not null;
alter table public.document_chunks
  alter column content type varchar(2000),
  add column embedding_v2 vector(768), add column embedding_model varchar(200),
  add column page_number integer;
update public.document_chunks c set embedding_v2 = d.embedding_v2
  from public.documents d where d.id = c.document_id and c.chunk_index <= 3;
"""

QUERY = "(select array_agg(sin(i)) from generate_series(1, 768) i)::vector(768)"

CALLS = {
    "search_documents_hybrid": (
        f"{QUERY}, workspace_id_param => :workspace, match_threshold => -1",
        5,
    ),
    "search_document_chunks_hybrid": (
        f"{QUERY}, workspace_id_param => :workspace, match_threshold => -1",
        10,
    ),
    "get_embedding_migration_progress": ("", 2),
    "analyze_workspace_query_performance": (":workspace", 1),
    "optimize_workspace_data": (":workspace", 1),
    "validate_workspace_data_integrity": (":workspace", 5),
    "cleanup_orphaned_data": (":workspace", 1),
}
"""Arguments of each function, and how many rows it returns at least."""


@pytest.fixture
def adopted(existing_database: Database) -> Database:
    run(existing_database, COLUMNS)
    existing_database.upgrade()
    return existing_database


@pytest.mark.parametrize("function", CALLS)
def test_it_answers_a_user_and_the_service(
    adopted: Database, existing: ExistingPlatform, function: str
) -> None:
    arguments, at_least = CALLS[function]
    call = f"select * from public.{function}({arguments})".replace(":workspace", f"'{existing.a}'")
    for session in (
        as_user(adopted, existing.person("admin")),
        acting(adopted, "service_role", {"role": "service_role"}),
    ):
        with session as connection:
            assert len(connection.exec_driver_sql(call).all()) >= at_least


def test_every_function_that_is_granted_is_called(adopted: Database) -> None:
    with adopted.owner() as connection:
        rows = connection.exec_driver_sql(
            "select distinct proname::text from pg_proc"
            " where pronamespace = 'public'::regnamespace and prorettype <> 'trigger'::regtype"
            " and has_function_privilege('authenticated', oid, 'execute')"
            " and not exists (select from pg_depend d where d.objid = pg_proc.oid"
            " and d.deptype = 'e')"
        ).scalars()
        granted = set(rows)
    assert granted == CALLS.keys()
