"""What the revisions did not make, or were right to leave off, is no drift."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest
from history.test_round_trips import REVISIONS
from repair.bad_rows import WITHOUT_RULES, BadRows
from repair.test_constraints import apply, repair_rows

from fixtures.clusters import both_majors
from fixtures.databases import Database, Templates
from fixtures.drift import found, psql, script
from fixtures.dump import program
from fixtures.existing_platform import FURTHER_TABLES, run
from fixtures.messy_platform import MESSES, mess_up


@both_majors
def test_no_revision_of_an_empty_platform_drifts(platform_database: Database) -> None:
    for revision in REVISIONS:
        platform_database.upgrade(revision)
        assert found(platform_database) == [], revision


@both_majors
@pytest.mark.parametrize("lock_members", ["yes", "no"])
def test_no_revision_of_an_adopted_platform_drifts(
    existing_database: Database, lock_members: str
) -> None:
    run(existing_database, FURTHER_TABLES)
    for revision in REVISIONS:
        existing_database.upgrade(revision, lock_members=lock_members)
        assert found(existing_database) == [], revision
    for _ in range(6):
        existing_database.downgrade("-1")
        assert found(existing_database) == []


@both_majors
def test_no_revision_of_a_messy_platform_drifts(messy_database: Database) -> None:
    kept = [name for name, mess in MESSES.items() if not mess.drops]
    mess_up(messy_database, kept)
    for revision in REVISIONS:
        messy_database.upgrade(revision)
        assert found(messy_database) == [], revision


@both_majors
def test_a_platform_that_lacks_columns_and_a_table_does_not_drift(
    messy_database: Database,
) -> None:
    mess_up(messy_database, MESSES)
    messy_database.upgrade()
    assert found(messy_database) == []


@both_majors
def test_bad_rows_and_their_repair_are_no_drift(
    existing_database: Database,
) -> None:
    run(existing_database, WITHOUT_RULES)
    BadRows().plant(existing_database)
    existing_database.upgrade()
    assert found(existing_database) == []
    repair_rows(existing_database)
    assert found(existing_database) == []
    apply(existing_database, "constraints")
    assert found(existing_database) == []


IN_PROGRESS = """
alter table public.documents set (autovacuum_analyze_scale_factor = 0.05);
insert into mivaa.ledger (kind, object_name) values
  ('option', 'public.documents.autovacuum_analyze_scale_factor'), ('revision', '0009');
create index idx_documents_user_created on public.documents (user_id);
"""


def test_what_an_interrupted_revision_has_changed_is_no_drift(platform_database: Database) -> None:
    platform_database.upgrade("0008")
    run(platform_database, IN_PROGRESS)
    assert found(platform_database) == []
    run(platform_database, "alter table public.documents set (fillfactor = 80)")
    assert len(found(platform_database)) == 1


EXTRAS = """
create table public.planted (id uuid primary key, n integer check (n > 0));
alter table public.documents add column planted text;
create index planted_index on public.documents (planted);
create policy planted on public.documents as restrictive using (true);
create trigger planted before update on public.documents
  for each row execute function mivaa.require_workspace();
create function public.planted() returns integer language sql as 'select 1';
create function mivaa.uuid_or_null(integer) returns uuid language sql as 'select null::uuid';
create view public.planted_view as select id from public.documents;
alter table public.documents add constraint planted_check check (title <> 'planted');
"""


def test_what_somebody_has_added_is_no_drift(
    head_database: Database, existing_template: Callable[[int], str], major: int
) -> None:
    existing_template(major)  # makes the role
    run(head_database, EXTRAS)
    assert found(head_database) == []
    run(head_database, "alter table public.documents disable row level security")
    psql(head_database, script(head_database))
    assert found(head_database) == []


ADOPTED = {
    "drop table public.workspace_members cascade": "table public.workspace_members: missing",
    "alter table public.documents disable row level security": (
        "table public.documents: row-level security is off, expected on"
    ),
    "grant select on public.documents to anon": "table public.documents: grant is SELECT to anon",
    "grant select (content) on public.documents to anon": (
        "column public.documents.content: grant is SELECT to anon"
    ),
    "alter table public.documents reset (autovacuum_analyze_scale_factor)": (
        "table public.documents: options is nothing"
    ),
    "alter table public.documents drop constraint documents_status_check": (
        "constraint documents_status_check on public.documents: missing"
    ),
    "alter table public.document_chunks drop column workspace_id cascade": (
        "column public.document_chunks.workspace_id: missing"
    ),
    "alter table public.documents alter embedding_v2 set storage external": (
        "column public.documents.embedding_v2: storage is external"
    ),
    "drop index public.idx_documents_user_created": (
        "index public.idx_documents_user_created: missing"
    ),
    "drop policy documents_select on public.documents": (
        "policy documents_select on public.documents: missing"
    ),
    "alter policy documents_select on public.documents using (true)": (
        "policy documents_select on public.documents: condition (using) is true"
    ),
    "alter table public.documents disable trigger user": (
        "trigger zz_mivaa_updated_at on public.documents: enabled is no"
    ),
}


@both_majors
@pytest.mark.parametrize("change", ADOPTED)
def test_what_the_revisions_made_in_an_adopted_table_is_looked_at(
    clone: Callable[[int, str], Database], adopted: Callable[[int], str], major: int, change: str
) -> None:
    database = clone(major, adopted(major))
    run(database, change)
    lines = found(database)
    assert any(line.startswith(ADOPTED[change]) for line in lines), lines
    psql(database, script(database))
    assert found(database) == []


def test_a_check_that_adopted_tables_alone_have_is_looked_at(messy_database: Database) -> None:
    messy_database.upgrade()
    line = "constraint documents_workspace_id_check on public.documents: missing"
    run(messy_database, "alter table public.documents drop constraint documents_workspace_id_check")
    assert found(messy_database) == [line]
    psql(messy_database, script(messy_database))
    assert found(messy_database) == []


FOREIGN = """
alter table public.workspaces disable row level security;
grant all on public.workspaces, public.workspace_members to anon;
alter table public.documents alter name drop not null, alter metadata set default '{}';
alter table public.documents drop column processing_status cascade;
comment on table public.documents is 'Of the platform.';
drop policy "Everything is open" on public.documents;
alter table public.documents drop constraint documents_workspace_id_fkey;
alter table public.documents set (fillfactor = 80);
revoke insert on public.documents from postgres;
"""


def test_what_the_platform_does_with_its_own_is_no_drift(
    clone: Callable[[int, str], Database], adopted: Callable[[int], str], major: int
) -> None:
    database = clone(major, adopted(major))
    run(database, FOREIGN)
    assert found(database) == []


@pytest.fixture(scope="session")
def adopted(templates: Templates, existing_template: Callable[[int], str]) -> Callable[[int], str]:
    """The existing platform, upgraded."""
    return lambda major: templates(major, "adopted", Database.upgrade, existing_template(major))


@both_majors
@pytest.mark.parametrize("kind", ["created", "adopted"])
def test_a_restored_database_does_not_drift(
    clone: Callable[[int, str], Database],
    adopted: Callable[[int], str],
    world_template: Callable[[int], str],
    major: int,
    kind: str,
) -> None:
    database = clone(major, (adopted if kind == "adopted" else world_template)(major))
    restored = clone(major, "template0")
    environment = {**os.environ, "LC_ALL": "C"}
    dump = subprocess.run(
        [program(major, "pg_dump"), "--format=custom", database.url("supabase_admin")],
        check=True, capture_output=True, env=environment,
    )  # fmt: skip
    subprocess.run(
        [program(major, "pg_restore"), "--exit-on-error", "--dbname",
         restored.url("supabase_admin")],
        input=dump.stdout, check=True, capture_output=True, env=environment,
    )  # fmt: skip
    assert found(restored) == []
    run(restored, "alter table public.documents disable row level security")
    assert len(found(restored)) == 1
