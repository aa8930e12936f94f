"""Statements that aim at rows of another workspace, and what their answers would give away.

Each is executed where the workspace exists and where it does not. A user must be told the same both
times; service_role, which bypasses row-level security, must be told the difference, or the
statement is no attack.
"""

from __future__ import annotations

import io
from typing import Any

import pytest

from fixtures.clusters import both_majors
from fixtures.databases import Database
from fixtures.intruder import (
    EDITOR,
    ELSEWHERE,
    EXTRACTION,
    PDF,
    ROWS,
    SERVICE,
    VICTIM,
    Attacker,
    answer,
    attacking,
    become,
    differences,
    run,
    superuser,
)
from fixtures.people import World, named

WORLD = World()
DOCUMENT, CHUNK = ROWS["documents"], ROWS["document_chunks"]
MINE, ME = WORLD.row("documents", "editor"), named("editor")
A = WORLD.a

READS = {
    "by id": f"select * from public.documents where id = '{DOCUMENT}'",
    "by workspace": f"select count(*) from public.documents where workspace_id = '{ELSEWHERE}'",
    "everything": "select count(*), max(created_at) from public.documents",
    "a workspace": f"select * from public.workspaces where id = '{ELSEWHERE}'",
    "a membership": f"select * from public.workspace_members where workspace_id = '{ELSEWHERE}'",
    "a chunk": f"select * from public.document_chunks where id = '{CHUNK}'",
    "a file": f"select * from public.pdf_documents where id = '{PDF}'",
    "an extraction": f"select * from public.processed_documents where id = '{EXTRACTION}'",
    "by join": "select d.title from public.document_chunks c left join public.documents d"
    f" on d.id = c.document_id right join (values ('{CHUNK}'::uuid)) v (id) on v.id = c.id",
    "by nearness": "select title from public.documents"
    " order by embedding_v2 OPERATOR(extensions.<=>) (select embedding_v2 from"
    f" public.documents where id = '{DOCUMENT}'), title limit 3",
    "by row address": "select title from public.documents where ctid = any (array(select"
    " format('(%s,%s)', p, i)::tid from generate_series(0, 60) p, generate_series(1, 30) i))",
    "as a sample": "select count(*) from public.documents tablesample system (100)",
    "to lock": f"select id from public.documents where id = '{DOCUMENT}' for update",
    "to share": f"select id from public.documents where id = '{DOCUMENT}'"
    " for key share skip locked",
    "by an error": "select count(*) from public.documents"
    " where 1 / (case title when 'Title of elsewhere' then 0 else 1 end) = 1",
    "by a cast": "select count(*) from public.documents"
    " where (case title when 'Title of elsewhere' then title else '1' end)::integer = 1",
    "by an error in an aggregate": "select sum(1 / (case title when 'Title of elsewhere' then 0"
    " else 1 end)) from public.documents",
    "by an error in an order": "select title from public.documents"
    " order by 1 / (case title when 'Title of elsewhere' then 0 else 1 end), title",
    "by a regular expression": "select count(*) from public.documents where title ~ '^Title of e'",
    "by a window": "select max(n) from (select row_number() over () n from public.documents) w",
}

WRITES = {
    "an update": f"update public.documents set title = 'taken' where id = '{DOCUMENT}'",
    "an update that returns": f"update public.documents set title = 'taken'"
    f" where id = '{DOCUMENT}' returning *",
    "an update of everything": "update public.documents set metadata = '{}'",
    "an update that joins": "update public.documents d set title = c.content"
    f" from public.document_chunks c where c.document_id = d.id and c.id = '{CHUNK}' returning *",
    "an update of a chunk": f"update public.document_chunks set content = 'x' where id = '{CHUNK}'",
    "a deletion": f"delete from public.documents where id = '{DOCUMENT}'",
    "a deletion that returns": f"delete from public.documents where id = '{DOCUMENT}' returning *",
    "a deletion that joins": "delete from public.document_chunks c using public.documents d"
    f" where d.id = c.document_id and d.id = '{DOCUMENT}'",
    "a deletion in a query": f"with gone as (delete from public.pdf_documents where id = '{PDF}'"
    " returning *) select * from gone",
    "a merge that updates": f"merge into public.documents d using (values ('{DOCUMENT}'::uuid))"
    " s (id) on d.id = s.id when matched then update set title = 'taken'",
    "a merge that deletes": f"merge into public.documents d using (values ('{DOCUMENT}'::uuid))"
    " s (id) on d.id = s.id when matched then delete",
    "a merge that inserts otherwise": "merge into public.documents d"
    f" using (values ('{DOCUMENT}'::uuid)) s (id) on d.id = s.id"
    " when matched then do nothing when not matched then insert (workspace_id, user_id, title)"
    f" values ('{A}', '{ME}', 'not there')",
    "a merge of chunks": "merge into public.document_chunks c using public.documents d"
    f" on c.document_id = d.id and c.workspace_id = '{ELSEWHERE}'"
    " when matched then update set content = 'taken'",
    "a cursor": "do $$declare c cursor for select * from public.documents"
    f" where id = '{DOCUMENT}'; r record; begin open c; fetch c into r;"
    " if found then update public.documents set title = 'taken' where current of c;"
    " raise exception 'reached'; end if; end$$",
    "a row of another workspace": "insert into public.documents (workspace_id, user_id, title)"
    f" values ('{ELSEWHERE}', '{ME}', 'x')",
    "a move": f"update public.documents set workspace_id = '{ELSEWHERE}', user_id = null"
    f" where title = 'Title of nobody else' or id = '{MINE}'",
    "a gift": f"update public.documents set user_id = '{named(VICTIM)}' where id = '{MINE}'",
    "a membership": "insert into public.workspace_members (workspace_id, user_id, role)"
    f" values ('{ELSEWHERE}', '{ME}', 'owner')",
}

KEYS = {
    "a chunk of its document": "insert into public.document_chunks (document_id, chunk_index,"
    f" content) values ('{DOCUMENT}', 7, 'x')",
    "a chunk of its document, here": "insert into public.document_chunks (workspace_id,"
    f" document_id, chunk_index, content) values ('{A}', '{DOCUMENT}', 7, 'x')",
    "an extraction of its file": "insert into public.processed_documents (workspace_id, user_id,"
    f" pdf_document_id) values ('{A}', '{ME}', '{PDF}')",
    "an extraction of its document": "insert into public.processed_documents (workspace_id,"
    f" user_id, document_id) values ('{A}', '{ME}', '{DOCUMENT}')",
    "a key that waits": "do $$begin set constraints all deferred; update"
    f" public.processed_documents set pdf_document_id = '{PDF}' where user_id = '{ME}';"
    " set constraints all immediate; end$$",
}
"""Foreign keys: only keys of one's own workspace can be hit, so all others are missing alike."""


@both_majors
@pytest.mark.parametrize("aim", READS)
def test_no_query_sees_another_workspace(attacked: Database, aim: str) -> None:
    assert differences(attacked, EDITOR, [READS[aim]]) == []
    assert differences(attacked, SERVICE, [READS[aim]]), "nobody learns anything from it"


@both_majors
@pytest.mark.parametrize("aim", WRITES)
def test_no_write_reaches_another_workspace(attacked: Database, aim: str) -> None:
    assert differences(attacked, EDITOR, [WRITES[aim]]) == []
    assert differences(attacked, SERVICE, [WRITES[aim]]), "nobody learns anything from it"


@both_majors
@pytest.mark.parametrize("aim", KEYS)
def test_no_foreign_key_is_an_oracle(attacked: Database, aim: str) -> None:
    assert differences(attacked, EDITOR, [KEYS[aim]]) == []
    with superuser(attacked) as connection:
        become(connection, EDITOR)
        own = KEYS[aim].replace(str(DOCUMENT), str(MINE))
        own = own.replace(str(PDF), str(WORLD.row("pdf_documents", "editor")))
        assert answer(connection, own)[0] == "done", "the same with keys of one's own is refused"


@both_majors
def test_a_key_that_waits_until_the_end_is_no_oracle(attacked: Database) -> None:
    """At commit a key is checked once more, and the error is the last thing that is told."""
    told = []
    for pdf in (PDF, named("a file that exists nowhere")):
        with attacking(attacked, EDITOR) as connection:
            run(connection, "set constraints all deferred")
            run(
                connection,
                f"update public.processed_documents set pdf_document_id = '{pdf}'"
                f" where user_id = '{ME}'",
            )
            told.append(repr(answer(connection, "set constraints all immediate")))
    assert "23503" in told[0]
    assert told[0].replace(str(PDF), "...") == told[1].replace(
        str(named("a file that exists nowhere")), "..."
    )


def copied(made: Database, who: Attacker, statement: str) -> str:
    with attacking(made, who) as connection:
        into = io.StringIO()
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor:
            cursor.copy_expert(statement, into)
        return into.getvalue()


@both_majors
@pytest.mark.parametrize(
    "statement",
    ["copy public.documents (title) to stdout", "copy (table public.documents) to stdout"],
)
def test_copy_sends_rows_of_ones_own_workspace(attacked: Database, statement: str) -> None:
    own, all_ = copied(attacked, EDITOR, statement), copied(attacked, SERVICE, statement)
    assert "Title of editor" in own
    assert "of elsewhere" in all_
    assert "of elsewhere" not in own


@both_majors
def test_copy_brings_no_row_past_the_policies(attacked: Database) -> None:
    """COPY FROM is refused on tables with row-level security, for whom it holds."""
    statement = "copy public.documents (workspace_id, title) from stdin"
    for who, row, refusal in (
        (EDITOR, f"{A}\tcopied\n", "row-level security"),
        (SERVICE, f"{ELSEWHERE}\tcopied\n", None),
    ):
        with attacking(attacked, who) as connection:
            driver: Any = connection.connection.driver_connection
            with driver.cursor() as cursor:
                if refusal is None:
                    cursor.copy_expert(statement, io.StringIO(row))
                    assert cursor.rowcount == 1
                    continue
                with pytest.raises(Exception, match=refusal):
                    cursor.copy_expert(statement, io.StringIO(row))


@both_majors
def test_a_conflict_updates_no_row_of_another_workspace(attacked: Database) -> None:
    upsert = (
        "insert into public.documents (id, workspace_id, user_id, title)"
        f" values ('{{}}', '{A}', '{ME}', 'mine now')"
        " on conflict (id) do update set title = excluded.title returning title"
    )
    with attacking(attacked, EDITOR) as connection:
        assert answer(connection, upsert.format(DOCUMENT))[1] == "42501"
        assert answer(connection, upsert.format(MINE)) == ("rows", "('mine now',)")


@both_majors
def test_what_a_write_returns_is_ones_own(attacked: Database) -> None:
    """Also the old row, which RETURNING can name from PostgreSQL 18 on."""
    returning = "old.title, new.title" if attacked.major >= 18 else "title, title"
    with attacking(attacked, EDITOR) as connection:
        rows = run(
            connection, f"update public.documents set title = 'new' returning {returning}"
        ).all()
    assert rows
    assert all("elsewhere" not in str(row) for row in rows)


MERGES = {
    "updates": "update set title = 'taken'",
    "deletes": "delete",
}


@both_majors
@pytest.mark.parametrize("does", MERGES)
def test_a_merge_reaches_and_returns_what_it_leaves_unmatched_of_ones_own_alone(
    attacked: Database, does: str
) -> None:
    """The rows that its source does not name are those of the reader, not all there are."""
    merge = (
        "merge into public.documents d using (select where false) s on false"
        f" when not matched by source and d.id in ('{DOCUMENT}', '{MINE}') then {MERGES[does]}"
        " returning merge_action(), d.id"
    )
    every = merge.replace(f" and d.id in ('{DOCUMENT}', '{MINE}')", "")
    left = (
        "select count(*) filter (where title <> 'taken') from public.documents where workspace_id"
        f" = '{ELSEWHERE}'"
    )
    mine = f"select count(*) from public.documents where id = '{MINE}' and title <> 'taken'"
    with superuser(attacked) as connection:
        become(connection, EDITOR)
        if attacked.major < 17:
            # There, such a statement is unknown.
            assert answer(connection, merge)[1] == "42601"
            return
        run(connection, "reset role")
        there = run(connection, left).scalar_one()
        for sql in (merge, every):
            run(connection, "savepoint merging")
            become(connection, EDITOR)
            own = set(run(connection, "select id from public.documents").scalars())
            returned = run(connection, sql).all()
            assert {action for action, _ in returned} == {does[:-1].upper()}
            assert {id_ for _, id_ in returned} == ({MINE} if sql == merge else own)
            run(connection, "reset role")
            assert run(connection, left).scalar_one() == there
            assert run(connection, mine).scalar_one() == 0
            run(connection, "rollback to savepoint merging")
        become(connection, SERVICE)
        assert {id_ for _, id_ in run(connection, merge)} == {DOCUMENT, MINE}
        run(connection, "reset role")
        assert run(connection, left).scalar_one() == there - 1
    assert differences(attacked, EDITOR, [merge, every]) == []
