"""Tables: new, changed, dropped, and what they are called."""

from __future__ import annotations

from development.cases.common import NOTES, comment_is, inserted
from development.edits import (
    after_class,
    append,
    argument,
    column,
    delete_table,
    drop_statements,
    function,
    in_model,
    new_table,
    sql_file,
)
from development.path import EITHER, REFUSED, Case, Check


def closed(table: str) -> tuple[Check, ...]:
    """A table is born with row-level security, and nobody else has any privilege on it."""
    return (
        Check(
            f"select relrowsecurity from pg_class where oid = 'public.{table}'::regclass",
            True,
        ),
        Check(
            "select count(*) from pg_class c cross join aclexplode(c.relacl) a"
            f" where c.oid = 'public.{table}'::regclass and a.grantee <> c.relowner",
            0,
        ),
    )


def granted(table: str, role: str, privileges: str | None) -> Check:
    """What a role may do with a table, in the order of the alphabet."""
    return Check(
        "select string_agg(lower(a.privilege_type), ', ' order by a.privilege_type)"
        " from pg_class c cross join aclexplode(c.relacl) a"
        f" where c.oid = 'public.{table}'::regclass and a.grantee = '{role}'::regrole",
        privileges,
    )


BODY = column("notes", "body: Mapped[str] = mapped_column(server_default='50%', comment='B.')")

POLICY = sql_file(
    "policies/notes.access.sql",
    "create policy notes_access on public.notes as permissive for all to authenticated\n"
    "using (workspace_id = (select mivaa.get_workspace_id()));\n",
)
TRIGGER = sql_file(
    "triggers/notes.updated_at.sql",
    "create trigger zz_mivaa_updated_at before update on public.notes\n"
    "for each row execute function mivaa.touch_updated_at();\n",
)
GRANT = append("grants.sql", "grant select, insert on public.notes to authenticated;\n")
REMARKS = append(
    "comments.sql",
    "comment on policy notes_access on public.notes is 'Notes of the workspace, 100 %.';\n"
    "comment on trigger zz_mivaa_updated_at on public.notes is 'Keeps updated_at.';\n",
)
WHOLE = (NOTES, BODY, POLICY, TRIGGER, GRANT, REMARKS)

PAIR = (
    new_table("tags", bare=True, options='"comment": "Tags of documents."'),
    column(
        "tags",
        "document_id: Mapped[uuid.UUID] = mapped_column("
        "sa.ForeignKey('documents.id', ondelete='CASCADE'), primary_key=True, comment='D.')",
    ),
    column("tags", "tag: Mapped[str] = mapped_column(primary_key=True, comment='T.')"),
)

CASES = [
    Case(
        "a new table is born closed",
        (NOTES, BODY),
        checks=(*closed("notes"), inserted("notes", "body", "50%")),
    ),
    Case(
        "a new table with policy, trigger, grants and comments",
        WHOLE,
        checks=(
            granted("notes", "authenticated", "insert, select"),
            Check("select count(*) from pg_policy where polrelid = 'public.notes'::regclass", 1),
        ),
    ),
    Case(
        "a table of a revision before is dropped with all that is on it",
        (
            delete_table("notes"),
            lambda project: project.remove("sql/policies/notes.access.sql"),
            lambda project: project.remove("sql/triggers/notes.updated_at.sql"),
            drop_statements("grants.sql", "public.notes"),
            drop_statements("comments.sql", "public.notes"),
        ),
        first=WHOLE,
        lacks=("cascade;",),
    ),
    Case(
        "a table whose grants are left behind is not dropped",
        (delete_table("notes"),),
        REFUSED,
        first=(NOTES, GRANT),
        says=("grants.sql:", "public.notes"),
    ),
    Case(
        "a table gets a column, an index and a check in the next revision",
        (
            column("notes", "rank: Mapped[int | None] = mapped_column(comment='R.')"),
            argument("notes", 'sa.Index("idx_notes_rank", "rank")'),
            argument("notes", 'sa.CheckConstraint("rank % 2 = 0", name="rank")'),
        ),
        first=WHOLE,
    ),
    Case(
        "a table without a comment",
        (
            new_table("notes", options='"info": {}'),
            column("notes", "body: Mapped[str | None] = mapped_column(comment='B.')"),
        ),
        EITHER,
        says=("notes", "comment"),
    ),
    Case(
        "the comment of a table is changed",
        (in_model("notes", '"comment": "Notes."', '"comment": "It\'s 100 % :new, a\\\\b."'),),
        first=(NOTES,),
        checks=(comment_is("notes", "It's 100 % :new, a\\b."),),
    ),
    Case(
        "a composite primary key",
        PAIR,
        checks=(
            Check(
                "select pg_get_constraintdef(oid) from pg_constraint where contype = 'p'"
                " and conrelid = 'public.tags'::regclass",
                "PRIMARY KEY (document_id, tag)",
            ),
            *closed("tags"),
        ),
    ),
    Case(
        "a primary key that counts",
        (
            new_table("counters", bare=True, options='"comment": "Counters."'),
            column("counters", "id: Mapped[int] = mapped_column(primary_key=True, comment='I.')"),
        ),
        EITHER,
        says=("counters",),
    ),
    Case(
        "a primary key that is an identity",
        (
            new_table("counters", bare=True, options='"comment": "Counters."'),
            column(
                "counters",
                "id: Mapped[int] = mapped_column(sa.BigInteger(), sa.Identity(always=True),"
                " primary_key=True, comment='I.')",
            ),
        ),
        EITHER,
        says=("counters",),
    ),
    *(
        Case(
            f"a table whose name {label}",
            (
                new_table(name, options='"comment": "Named."'),
                column(name, "size: Mapped[int | None] = mapped_column(comment='S.')"),
                argument(name, 'sa.Index("idx_named_size", "size")'),
            ),
            EITHER,
            says=(name,),
            checks=closed(f'"{name}"'),
        )
        for label, name in (
            ("is a reserved word", "order"),
            ("has capitals", "sourceFiles"),
            ("has a space", "source files"),
            ("has a percent sign", "share%"),
        )
    ),
    Case(
        "a table in a schema of its own that is there",
        (new_table("notes", options='"schema": "side", "comment": "Notes."'),),
        EITHER,
        sql="create schema side",
        says=("side",),
    ),
    Case(
        "a table in a schema that is not there",
        (new_table("notes", options='"schema": "side", "comment": "Notes."'),),
        EITHER,
        says=("side",),
    ),
    Case(
        "a table in the private schema",
        (new_table("notes", options='"schema": "mivaa", "comment": "Notes."'),),
        EITHER,
        says=("mivaa",),
    ),
    Case(
        "a table without a class",
        (
            after_class(
                "documents",
                "labels = sa.Table('labels', Base.metadata,"
                " sa.Column('label', sa.Text(), primary_key=True, comment='L.'),"
                " comment='Labels.')",
            ),
        ),
        checks=closed("labels"),
    ),
    Case(
        "two tables that point at each other",
        (
            new_table("questions", options='"comment": "Questions."'),
            new_table("answers", options='"comment": "Answers."'),
            column(
                "questions",
                "best: Mapped[uuid.UUID | None] = mapped_column("
                "sa.ForeignKey('answers.id', ondelete='SET NULL', use_alter=True), comment='B.')",
            ),
            column(
                "answers",
                "question: Mapped[uuid.UUID] = mapped_column("
                "sa.ForeignKey('questions.id', ondelete='CASCADE'), comment='Q.')",
            ),
        ),
        EITHER,
        says=("questions",),
    ),
    Case(
        "two tables of which the first in the alphabet points at the second",
        (
            new_table("answers", options='"comment": "Answers."'),
            new_table("questions", options='"comment": "Questions."'),
            column(
                "answers",
                "question: Mapped[uuid.UUID] = mapped_column("
                "sa.ForeignKey('questions.id', ondelete='CASCADE'), comment='Q.')",
            ),
        ),
    ),
    Case(
        "a table is renamed: the old one is dropped, or it is refused",
        (delete_table("notes"), new_table("remarks", options='"comment": "Notes."')),
        EITHER,
        first=(NOTES,),
        says=("notes",),
    ),
    Case(
        "a partitioned table",
        (
            new_table(
                "events",
                bare=True,
                options='"comment": "Events.", "postgresql_partition_by": "RANGE (at)"',
            ),
            column(
                "events",
                "at: Mapped[datetime.datetime] = mapped_column(primary_key=True, comment='A.')",
            ),
        ),
        EITHER,
        says=("events",),
    ),
    Case(
        "a table with storage parameters",
        (new_table(options='"comment": "Notes.", "postgresql_with": {"fillfactor": 70}'),),
        EITHER,
        says=("notes",),
    ),
    Case(
        "a table, a function on it and a column elsewhere at once",
        (
            NOTES,
            BODY,
            function(
                "public.count_notes",
                "select count(*) from public.notes where body <> '50%'",
                returns="bigint",
            ),
            column(
                "documents",
                "note: Mapped[uuid.UUID | None] = mapped_column("
                "sa.ForeignKey('notes.id', ondelete='SET NULL'), comment='N.')",
            ),
            append(
                "comments.sql", "comment on function public.count_notes() is 'How many notes.';\n"
            ),
        ),
    ),
]
