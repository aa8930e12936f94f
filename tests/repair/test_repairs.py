"""Each repair repairs what it found, and leaves alone what is valid or not its to decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from repair.bad_rows import LOST, NOBODY, UNKNOWN, A, B, BadRows, row

from fixtures.clusters import Kind
from fixtures.databases import Database
from fixtures.existing_platform import checksums, columns_of, run, scalar
from fixtures.people import named
from mivaa_schema import repair
from mivaa_schema.repair import Finding, Options
from mivaa_schema.repair.errors import (
    MapRefused,
    NothingRepairable,
    RepairFailed,
    RepairOptionRefused,
    UnknownRepair,
    UnknownWorkspace,
)
from mivaa_schema.settings import Settings

Apply = Callable[..., tuple[list[Finding], list[Finding]]]


@pytest.fixture
def apply(adopted_database: Database) -> Apply:
    """Repair by name, on a database of the test's own."""

    def run_repair(name: str, **options: Any) -> tuple[list[Finding], list[Finding]]:
        return repair.apply(
            adopted_database.engine(), repair.find(name), Options(**options), Settings()
        )

    return run_repair


@pytest.fixture
def refuse(shared_adopted: Database) -> Apply:
    """Ask for what is refused, on a database that must stay as it is."""

    def run_repair(name: str, **options: Any) -> tuple[list[Finding], list[Finding]]:
        return repair.apply(
            shared_adopted.engine(), repair.find(name), Options(**options), Settings()
        )

    return run_repair


@pytest.fixture(scope="module")
def with_workspaces(
    platform_kind: Kind,
    clone: Callable[[int, str], Database],
    adopted_template: Callable[[int], str],
) -> Database:
    """A database whose rows have been given a workspace, as far as that is no guess."""
    made = clone(platform_kind.major, adopted_template(platform_kind.major))
    repair.apply(made.engine(), repair.find("missing-workspace"), Options(), Settings())
    return made


def value(database: Database, table: str, column: str, id_: object) -> Any:
    with database.owner() as connection:
        return connection.execute(
            sa.text(f"select {column} from public.{table} where id = :id"), {"id": id_}
        ).scalar()


def is_there(database: Database, table: str, id_: object) -> bool:
    return value(database, table, "true", id_) is True


# Workspaces


def test_an_unknown_workspace_is_created_without_members(
    apply: Apply, adopted_database: Database
) -> None:
    _, after = apply("unknown-workspaces")
    assert after == []
    assert (
        value(adopted_database, "workspaces", "name", UNKNOWN) == f"Recovered workspace {UNKNOWN}"
    )
    members = f"select count(*) from public.workspace_members where workspace_id = '{UNKNOWN}'"
    assert scalar(adopted_database, members) == 0
    assert value(adopted_database, "documents", "workspace_id", row("in an unknown workspace")) == (
        UNKNOWN
    )


def test_a_row_goes_to_the_only_workspace_of_its_user(with_workspaces: Database) -> None:
    assert value(with_workspaces, "documents", "workspace_id", row("of a member of one")) == A


def test_a_chunk_follows_the_document_that_has_just_got_a_workspace(
    with_workspaces: Database,
) -> None:
    chunk = row("chunk without workspace")
    assert value(with_workspaces, "document_chunks", "workspace_id", chunk) == A


def test_a_document_goes_where_its_chunks_are(with_workspaces: Database) -> None:
    assert value(with_workspaces, "documents", "workspace_id", row("with a chunk in B")) == B


def test_an_extraction_goes_where_its_ends_are(with_workspaces: Database) -> None:
    extraction = row("extraction of nothing")
    assert value(with_workspaces, "processed_documents", "workspace_id", extraction) == A


def test_only_the_unknown_workspace_that_is_named_is_created(
    apply: Apply, adopted_database: Database
) -> None:
    assert apply("unknown-workspaces", workspace=A) == ([], [])
    assert not is_there(adopted_database, "workspaces", UNKNOWN)
    apply("unknown-workspaces", workspace=UNKNOWN)
    assert is_there(adopted_database, "workspaces", UNKNOWN)


@pytest.mark.parametrize(
    "name", ["of a member of two", "of a member of A, with a chunk in B", f"document 0 of {None}"]
)
def test_no_workspace_is_guessed(with_workspaces: Database, name: str) -> None:
    assert value(with_workspaces, "documents", "workspace_id", named(name)) is None


def test_a_named_workspace_takes_the_rest_but_nothing_that_belongs_elsewhere(
    apply: Apply, adopted_database: Database
) -> None:
    _, after = apply("missing-workspace", workspace=A)
    assert [one for one in after if one.object != "public.document_chunks"] == []

    def workspace(table: str, name: str) -> Any:
        return value(adopted_database, table, "workspace_id", named(name))

    assert workspace("documents", f"document 0 of {None}") == A
    assert workspace("documents", "of a member of two") == A
    assert workspace("pdf_documents", "PDF of nothing") == A
    # Its only chunk is in B: it is B's, or nobody's.
    assert workspace("documents", "with a chunk in B") is None


def test_the_workspace_must_exist(refuse: Apply) -> None:
    with pytest.raises(UnknownWorkspace, match=str(NOBODY)):
        refuse("missing-workspace", workspace=NOBODY)


def test_chunks_move_to_the_workspace_of_their_document(
    apply: Apply, adopted_database: Database
) -> None:
    columns = columns_of(adopted_database)
    others = {table: names for table, names in columns.items() if table != "document_chunks"}
    rows = checksums(adopted_database, others)
    before, after = apply("chunk-workspace", batch=10)
    assert (repair.repairable(before), after) == (25, [])
    for number in range(25):
        chunk = row(f"misplaced chunk {number}")
        assert value(adopted_database, "document_chunks", "workspace_id", chunk) == A
    assert checksums(adopted_database, others) == rows


def test_a_scope_leaves_other_workspaces_alone(apply: Apply) -> None:
    assert apply("chunk-workspace", workspace=B) == ([], [])
    before, after = apply("chunk-workspace", workspace=A)
    assert (repair.repairable(before), after) == (25, [])


def test_an_extraction_moves_to_where_both_its_ends_are(
    apply: Apply, adopted_database: Database
) -> None:
    apply("extraction-workspace")

    def workspace(name: str) -> Any:
        return value(adopted_database, "processed_documents", "workspace_id", row(name))

    assert workspace("extraction misplaced") == A
    assert workspace("extraction torn") == A


# Chunks, references, users


def test_orphans_are_deleted_and_nothing_else(apply: Apply, adopted_database: Database) -> None:
    chunks = "select count(*) from public.document_chunks"
    before = scalar(adopted_database, chunks)
    apply("orphaned-chunks")
    assert before - scalar(adopted_database, chunks) == 2
    assert not is_there(adopted_database, "document_chunks", row("orphan of A"))
    assert not is_there(adopted_database, "document_chunks", row("orphan of nothing"))


def test_orphans_of_the_named_workspace_go_alone(apply: Apply, adopted_database: Database) -> None:
    assert apply("orphaned-chunks", workspace=A)[1] == []
    assert not is_there(adopted_database, "document_chunks", row("orphan of A"))
    assert is_there(adopted_database, "document_chunks", row("orphan of nothing"))


def test_chunks_stay_where_every_one_of_a_workspace_would_go(
    apply: Apply, adopted_database: Database
) -> None:
    _, after = apply("orphaned-chunks")
    assert [one.count for one in after] == [1]
    assert is_there(adopted_database, "document_chunks", row("lost chunk"))
    with pytest.raises(NothingRepairable, match="restore them"):
        apply("orphaned-chunks", workspace=LOST)


def test_no_chunk_goes_if_every_one_would(apply: Apply, adopted_database: Database) -> None:
    run(adopted_database, "delete from public.documents")
    chunks = scalar(adopted_database, "select count(*) from public.document_chunks")
    assert chunks > 0
    with pytest.raises(NothingRepairable, match="every chunk of the database would be deleted"):
        apply("orphaned-chunks")
    assert scalar(adopted_database, "select count(*) from public.document_chunks") == chunks


def test_an_end_that_does_not_exist_is_taken_out(apply: Apply, adopted_database: Database) -> None:
    apply("dangling-extractions")
    extraction = row("extraction dangling")
    assert value(adopted_database, "processed_documents", "pdf_document_id", extraction) is None
    document = value(adopted_database, "processed_documents", "document_id", extraction)
    assert document == BadRows.document_of_a


def test_no_end_is_taken_out_if_not_one_is_there(apply: Apply, adopted_database: Database) -> None:
    run(
        adopted_database,
        "update public.processed_documents set pdf_document_id = null"
        " where pdf_document_id in (select id from public.pdf_documents)",
    )
    with pytest.raises(NothingRepairable, match=r"restore the rows of public\.pdf_documents first"):
        apply("dangling-extractions")


def test_a_user_that_does_not_exist_is_taken_out_of_rows(
    apply: Apply, adopted_database: Database
) -> None:
    apply("unknown-users")
    assert is_there(adopted_database, "documents", row("of nobody"))
    assert value(adopted_database, "documents", "user_id", row("of nobody")) is None
    assert value(adopted_database, "documents", "user_id", row("of somebody")) == named("viewer")


def test_memberships_of_nobody_are_deleted(apply: Apply, adopted_database: Database) -> None:
    members = "select count(*) from public.workspace_members"
    before = scalar(adopted_database, members)
    apply("unknown-members")
    assert before - scalar(adopted_database, members) == 1
    assert scalar(adopted_database, f"{members} where user_id = '{NOBODY}'") == 0


@pytest.mark.parametrize("name", ["unknown-users", "unknown-members"])
def test_users_that_cannot_be_seen_do_not_count_as_missing(
    apply: Apply, adopted_database: Database, name: str
) -> None:
    run(adopted_database, "alter table auth.users enable row level security", superuser=True)
    found = repair.survey(adopted_database.engine(), [repair.find(name)])[name]
    assert [(one.object, one.count) for one in found] == [("auth.users", None)]
    with pytest.raises(
        NothingRepairable, match=r"an unknown number in auth\.users: you cannot read"
    ):
        apply(name)


def test_a_column_that_leads_to_profiles_is_not_judged_by_users(
    apply: Apply, adopted_database: Database
) -> None:
    run(
        adopted_database,
        "alter table public.documents drop constraint documents_user_id_fkey;"
        "create table public.profiles (id uuid primary key);"
        "insert into public.profiles select distinct user_id from public.documents"
        " where user_id is not null;"
        "alter table public.documents add foreign key (user_id) references public.profiles",
    )
    assert apply("unknown-users") == ([], [])


def test_a_column_without_null_is_left_and_the_remedy_named(
    apply: Apply, adopted_database: Database
) -> None:
    run(
        adopted_database,
        f"update public.documents set user_id = '{named('owner')}' where user_id is null;"
        "alter table public.documents alter column user_id set not null",
    )
    with pytest.raises(NothingRepairable, match="alter column user_id drop not null"):
        apply("unknown-users")


# Statuses and roles


def test_statuses_are_mapped_as_told(apply: Apply, adopted_database: Database) -> None:
    mapping = {"weird": "archived", "": "draft", "done": "completed"}
    _, after = apply("unknown-statuses", mapping=mapping)
    assert after == []
    assert value(adopted_database, "documents", "status", row("weird")) == "archived"
    assert value(adopted_database, "documents", "status", row("without status")) == "draft"
    extraction = row("extraction done")
    assert value(adopted_database, "processed_documents", "status", extraction) == "completed"
    # A known status of the same name in another table stays.
    good = row("extraction good")
    assert value(adopted_database, "processed_documents", "status", good) == "completed"


def test_what_is_not_mapped_stays(apply: Apply, adopted_database: Database) -> None:
    _, after = apply("unknown-statuses", mapping={"weird": "archived"})
    assert [one.count for one in after] == [1, 1]
    extraction = row("extraction done")
    assert value(adopted_database, "processed_documents", "status", extraction) == "done"


def test_no_status_and_no_role_is_guessed(refuse: Apply) -> None:
    for name in ("unknown-statuses", "unknown-roles", "unknown-member-statuses"):
        with pytest.raises(NothingRepairable, match="is unknown: --map"):
            refuse(name)


def test_a_role_is_mapped_and_memberships_keep_their_status(
    apply: Apply, adopted_database: Database
) -> None:
    statuses = (
        "select string_agg(coalesce(status, '-'), ',' order by id) from public.workspace_members"
    )
    before = scalar(adopted_database, statuses)
    apply("unknown-roles", mapping={"superhero": "viewer"})
    superheroes = "select count(*) from public.workspace_members where role = 'superhero'"
    assert scalar(adopted_database, superheroes) == 0
    assert scalar(adopted_database, statuses) == before


def test_a_map_of_statuses_makes_nobody_an_active_member(
    apply: Apply, adopted_database: Database
) -> None:
    run(adopted_database, "update public.documents set status = 'gone' where status = 'weird'")
    apply("unknown-statuses", mapping={"gone": "active"})
    assert value(adopted_database, "documents", "status", row("weird")) == "active"
    gone = "select count(*) from public.workspace_members where status = 'gone'"
    assert scalar(adopted_database, gone) == 1


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("unknown-statuses", "weird", "splendid"),
        ("unknown-roles", "superhero", "active"),
        # Known, and so no repair's to change.
        ("unknown-roles", "viewer", "owner"),
    ],
)
def test_a_map_that_fits_no_column_is_refused(refuse: Apply, name: str, old: str, new: str) -> None:
    with pytest.raises(MapRefused, match=f"{old}={new}"):
        refuse(name, mapping={old: new})


# Embeddings


def test_a_vector_of_zeros_is_taken_out_and_the_row_waits(
    apply: Apply, adopted_database: Database
) -> None:
    zeros = row("of zeros")
    good = named(f"document 1 of {A}")
    run(
        adopted_database,
        f"update public.documents set embedding_v2 = array_fill(0, array[768])::vector,"
        f" embedding_model = 'm' where id = '{good}'",
    )
    edited = value(adopted_database, "documents", "updated_at", good)
    _, after = apply("zero-vectors")
    assert after == []
    for column, expected in (
        ("embedding is null", False),
        ("embedding_v2 is null", True),
        ("embedding_model", None),
        ("embedding_migration_status", "pending"),
        ("embedding_migrated_at", None),
    ):
        assert value(adopted_database, "documents", column, good) == expected, column
    assert value(adopted_database, "documents", "embedding is null", zeros) is True
    assert value(adopted_database, "documents", "embedding_migration_status", zeros) == "pending"
    # The platform has a trigger that calls this an edit.
    assert value(adopted_database, "documents", "updated_at", good) >= edited


def test_a_good_vector_beside_one_of_zeros_stays_completed(
    apply: Apply, adopted_database: Database
) -> None:
    run(
        adopted_database,
        f"update public.documents set embedding_v2 = array_fill(1, array[768])::vector"
        f" where id = '{row('of zeros')}'",
    )
    apply("zero-vectors")
    status = value(adopted_database, "documents", "embedding_migration_status", row("of zeros"))
    assert status == "completed"
    assert value(adopted_database, "documents", "embedding_v2 is null", row("of zeros")) is False


def test_a_row_that_was_skipped_stays_skipped(apply: Apply, adopted_database: Database) -> None:
    zeros = row("of zeros")
    run(
        adopted_database,
        f"update public.documents set embedding_migration_status = 'skipped' where id = '{zeros}'",
    )
    apply("zero-vectors")
    assert value(adopted_database, "documents", "embedding_migration_status", zeros) == "skipped"


def test_a_completion_without_the_embedding_is_pending(
    apply: Apply, adopted_database: Database
) -> None:
    apply("untrue-completions")
    completed = (
        "select count(*) from public.document_chunks where embedding_migration_status = 'completed'"
    )
    assert scalar(adopted_database, completed) == 0


# What all of them share


@pytest.mark.parametrize("name", ["chunk-workspace", "constraints"])
def test_an_option_that_means_nothing_is_refused(refuse: Apply, name: str) -> None:
    with pytest.raises(RepairOptionRefused, match=f"`{name}` takes no --map"):
        refuse(name, mapping={"a": "b"})


def test_constraints_have_no_scope(refuse: Apply) -> None:
    with pytest.raises(RepairOptionRefused, match="takes no --workspace"):
        refuse("constraints", workspace=A)


def test_an_unknown_repair_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownRepair, match="chunk-workspace, extraction-workspace"):
        repair.find("everything")


def test_a_repaired_database_has_nothing_to_repair(apply: Apply) -> None:
    before, _ = apply("chunk-workspace")
    assert before
    assert apply("chunk-workspace") == ([], [])


def test_what_a_rule_of_the_platforms_refuses_is_taken_back_and_named(
    apply: Apply, adopted_database: Database
) -> None:
    run(
        adopted_database,
        "alter table public.documents add constraint theirs check (status <> 'archived') not valid",
    )
    with pytest.raises(RepairFailed, match='"theirs"'):
        apply("unknown-statuses", mapping={"weird": "archived", "": "archived"})
    assert value(adopted_database, "documents", "status", row("weird")) == "weird"
