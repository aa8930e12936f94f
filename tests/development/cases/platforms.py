"""Databases that hold more than ours: nothing of it is proposed, changed or dropped."""

from __future__ import annotations

from development.cases.common import NOTES
from development.edits import argument, column, replace, sql_file
from development.path import ADOPTED, FULL, MESSY, NOTHING, Case

FOREIGN = {
    "a table": "create table public.foreign_orders (id bigint primary key, total numeric)",
    "a table that points at ours": (
        "create table public.foreign_orders (id bigint primary key,"
        " document uuid references public.documents (id))"
    ),
    "a view on ours": "create view public.foreign_titles as select id, title from public.documents",
    "a view of all columns of ours": (
        "create view public.foreign_all as select * from public.documents"
    ),
    "a materialized view on ours": (
        "create materialized view public.foreign_titles as select id from public.documents"
    ),
    "a function that returns rows of ours": (
        "create function public.foreign_documents() returns setof public.documents language sql"
        " stable as $$ select * from public.documents $$"
    ),
    "a function that takes a row of ours": (
        "create function public.foreign_title(d public.documents) returns text language sql"
        " stable as $$ select d.title $$"
    ),
    "a function with a body of the SQL standard that reads ours": (
        "create function public.foreign_count() returns bigint language sql stable"
        " begin atomic select count(*) from public.documents; end"
    ),
    "a function that calls ours": (
        "create function public.foreign_user() returns uuid language sql stable"
        " return mivaa.user_id()"
    ),
    "an overload of a function of ours": (
        "create function public.cleanup_orphaned_data(integer) returns integer language sql"
        " as $$ select 1 $$"
    ),
    "a policy on a table of ours": (
        'create policy "foreign, 100 %" on public.documents as restrictive for update'
        " using (title is not null)"
    ),
    "a policy that calls a function of ours": (
        "create table public.foreign_orders (id bigint primary key, owner uuid);"
        "create policy foreign_owner on public.foreign_orders using (owner = mivaa.user_id())"
    ),
    "a policy that reads a table of ours": (
        "create table public.foreign_orders (id bigint primary key);"
        "create policy foreign_reader on public.foreign_orders"
        " using (exists (select from public.documents))"
    ),
    "a trigger on a table of ours": (
        "create trigger foreign_touch before update on public.documents"
        " for each row execute function mivaa.touch_updated_at()"
    ),
    "an index on a table of ours": (
        "create index foreign_title on public.documents (lower(content)) where content like '5%'"
    ),
    "a constraint on a table of ours": (
        "alter table public.documents add constraint foreign_check check (content <> '50%')"
    ),
    "a column of a table of ours": (
        "alter table public.documents add column foreign_rank integer default 3"
    ),
    "a grant on a table of ours": "grant select, references on public.documents to pg_monitor",
    "a grant on a column of ours": "grant select (title) on public.documents to pg_monitor",
    "a comment on a policy of theirs": (
        "create policy foreign_all on public.workspaces using (true);"
        "comment on policy foreign_all on public.workspaces is 'Theirs.'"
    ),
    "statistics on columns of ours": (
        "create statistics public.foreign_statistics on status, title from public.documents"
    ),
    "a type and a table of it": (
        "create type public.foreign_color as enum ('red');"
        "create table public.foreign_paint (id uuid primary key, color public.foreign_color)"
    ),
    "a table of the name of ours in another schema": (
        "create schema foreign_side; create table foreign_side.documents (id integer);"
        "create table foreign_side.notes (id integer)"
    ),
    "a partitioned table": (
        "create table public.foreign_events (at timestamptz) partition by range (at);"
        "create table public.foreign_events_1 partition of public.foreign_events default"
    ),
    "a rule on a table of ours": (
        "create rule foreign_rule as on insert to public.documents do also select 1"
    ),
}

EDITS = (
    column("documents", "size: Mapped[int | None] = mapped_column(comment='S.')"),
    argument("documents", 'sa.Index("idx_documents_size", "size")'),
    argument("documents", 'sa.CheckConstraint("size % 2 = 0", name="size")'),
    replace("sql/policies/documents.select.sql", "'read'", "'write'"),
    replace("sql/functions/mivaa.user_id.sql", "-- The user", "-- Edited. The user"),
)
LACKS = ("foreign_", r"\bdrop table (?!mivaa_probe)", r"cascade;")

ON_ADOPTED = {
    "an index on a table of ours",
    "a constraint on a table of ours",
    "a column of a table of ours",
}
"""On a table that the revisions created, these are differences from the models."""

ALONE = [
    Case(
        f"with {label} in the database, only the edit is drafted",
        EDITS,
        sql=sql,
        on=ADOPTED if label in ON_ADOPTED else FULL,
        lacks=("foreign_",),
    )
    for label, sql in FOREIGN.items()
]
UNIQUE_NAMES = {
    "a table that points at ours",
    "a view of all columns of ours",
    "a materialized view on ours",
    "a function that returns rows of ours",
    "a function that takes a row of ours",
    "a function that calls ours",
    "an overload of a function of ours",
    "a policy on a table of ours",
    "a trigger on a table of ours",
    "a grant on a table of ours",
    "a type and a table of it",
    "a table of the name of ours in another schema",
}
TOGETHER = ";".join(sql for label, sql in FOREIGN.items() if label in UNIQUE_NAMES)

WHOLE = {
    "a column with an index, a check, a policy and a function": EDITS,
    "a table": (
        NOTES,
        column(
            "notes",
            "document: Mapped[uuid.UUID | None] = mapped_column("
            "sa.ForeignKey('documents.id', ondelete='SET NULL'), comment='D.')",
        ),
    ),
    "an index": (argument("documents", 'sa.Index("idx_documents_one", "title", unique=False)'),),
    "a policy": (
        sql_file(
            "policies/documents.titled.sql",
            "create policy documents_titled on public.documents as restrictive for select\n"
            "to authenticated using (title is not null);\n",
        ),
    ),
    "a default": (
        replace("models/document.py", 'server_default="active"', 'server_default="draft"'),
    ),
    "a comment": (replace("models/document.py", 'comment="Title."', 'comment="Title, 100 %."'),),
    "values of a status": (
        replace("models/document.py", '("draft", "active"', '("draft", "new", "active"'),
    ),
}

CASES = [
    Case(
        "with foreign objects of every kind in the database, only the edit is drafted",
        EDITS,
        sql=TOGETHER,
        lacks=LACKS,
    ),
    Case("nothing is edited, among foreign objects", (), NOTHING, sql=TOGETHER),
    *(
        Case(f"nothing is edited, on a database that is {on}", (), NOTHING, on=on)
        for on in (FULL, ADOPTED, MESSY)
    ),
    *(
        Case(f"{label}, on a database that is {on}", edits, on=on, lacks=LACKS[1:])
        for label, edits in WHOLE.items()
        for on in (ADOPTED, MESSY)
    ),
    *ALONE,
]
