"""Laws of tables: created closed, with the workspace in their keys, and with comments."""

from __future__ import annotations

from fixtures.laws import CLOSED, Law, checks_of

ELSEWHERE = "create schema platform; create table platform.planted (id uuid);"

LAWS = (
    Law(
        "row-level security is on",
        "select name from tables where not relrowsecurity",
        "alter table ... enable row level security, in the revision that creates the table",
        {
            "alter table public.documents disable row level security": "public.documents",
            "create table mivaa.planted (id uuid)": "mivaa.planted",
        },
        ELSEWHERE + " create view public.planted with (security_invoker = true) as select 1 as one",
    ),
    Law(
        "row-level security is not forced on the owner, as whom the private definers look up",
        "select name from tables where relforcerowsecurity",
        "alter table ... no force row level security",
        {
            "alter table public.workspace_members force row level security": (
                "public.workspace_members"
            )
        },
        ELSEWHERE + " alter table platform.planted force row level security",
    ),
    Law(
        "views show what their reader may see",
        "select name from ours where relkind in ('m', 'f') or relkind = 'v'"
        " and not coalesce(reloptions, '{}') && array['security_invoker=true',"
        " 'security_invoker=on', 'security_invoker=1', 'security_invoker=yes']",
        "create view ... with (security_invoker = true); a materialised view or a foreign table"
        " knows no row-level security: put it into a schema that is not exposed",
        {
            "create view public.planted as select title from public.documents": "public.planted",
            "create view public.planted with (security_barrier = true) as"
            " select title from public.documents": "public.planted",
            "create materialized view mivaa.planted as select title from public.documents": (
                "mivaa.planted"
            ),
        },
        "create view public.planted with (security_invoker = true) as"
        " select title from public.documents;"
        " create view mivaa.planted with (security_invoker = on) as"
        " select title from public.documents",
    ),
    Law(
        "what users can write is unique within a workspace, or random",
        # The error of a duplicate tells that a value is taken, wherever it is.
        "select i.indexrelid::regclass::text from pg_index i join tables t on t.oid = i.indrelid"
        " where i.indisunique and has_any_column_privilege('authenticated', t.oid,"
        " 'insert, update') and not exists (select from pg_attribute a where a.attrelid = t.oid"
        " and a.attnum = any (i.indkey) and a.attname = 'workspace_id') and not (i.indnatts = 1"
        " and i.indexprs is null and exists (select from pg_attribute a where a.attrelid = t.oid"
        " and a.attnum = i.indkey[0] and a.attname = 'id' and a.atttypid = 'uuid'::regtype))",
        "put workspace_id into the key",
        {
            "create unique index planted on public.pdf_documents (content_hash)": "planted",
            "create unique index planted on public.pdf_documents (lower(filename))": "planted",
        },
        "create unique index planted on public.pdf_documents (workspace_id, content_hash)",
    ),
    Law(
        "keys between tables of workspaces hold the workspace",
        "select t.name || '.' || k.conname from pg_constraint k join tables t on t.oid = k.conrelid"
        " join pg_attribute own on own.attrelid = k.conrelid and own.attname = 'workspace_id'"
        " join pg_attribute other on other.attrelid = k.confrelid"
        " and other.attname = 'workspace_id'"
        " where k.contype = 'f' and not (own.attnum = any (k.conkey)"
        " and other.attnum = any (k.confkey))",
        "refer to (workspace_id, id): another key can point into another workspace, and tells"
        " which ids exist there",
        {
            "alter table public.document_chunks add constraint planted foreign key (document_id)"
            " references public.documents (id)": "public.document_chunks.planted",
        },
        "alter table public.document_chunks add constraint planted foreign key (workspace_id)"
        " references public.workspaces (id)",
    ),
    Law(
        "a column that names a row of another table has a key to it",
        "select o.name || '.' || a.attname from tables o join pg_attribute a on a.attrelid = o.oid"
        " where a.attnum > 0 and not a.attisdropped and a.atttypid = 'uuid'::regtype"
        r" and (a.attname ~ '_id$' or a.attname = 'created_by')"
        # The workspace comes first in a key of two columns, and has one of its own as well.
        " and not exists (select from pg_constraint k where k.conrelid = o.oid"
        " and k.contype = 'f' and k.conkey[cardinality(k.conkey)] = a.attnum)",
        "add the foreign key: rows that point nowhere are seen by the wrong people, or by nobody",
        {
            "alter table public.documents drop constraint documents_workspace_id_fkey": (
                "public.documents.workspace_id"
            ),
            "alter table public.document_chunks"
            " drop constraint document_chunks_workspace_id_document_id_fkey": (
                "public.document_chunks.document_id"
            ),
            "create table public.planted (id uuid, user_id uuid)": "public.planted.user_id",
        },
        "create table public.planted (id uuid, user_id uuid references auth.users, paid uuid)",
    ),
    Law(
        "a foreign key has an index that finds its rows when the referenced one is deleted",
        # The index begins with all columns of the key, or with the one that is not the workspace:
        # that one alone leads to few rows. It holds all rows, or all whose column is not null.
        "select o.name || '.' || k.conname from pg_constraint k join ours o on o.oid = k.conrelid"
        # A row a phase: nothing to find.
        " where k.contype = 'f' and o.name <> 'public.migration_tracking' and not exists ("
        "  select from pg_index i where i.indrelid = k.conrelid and i.indisvalid"
        "  and (i.indpred is null"
        r"   or pg_get_expr(i.indpred, i.indrelid) ~ '^\(\w+ IS NOT NULL\)$')"
        "  and ((i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey"
        "   or (cardinality(k.conkey) > 1 and i.indkey[0] = any (k.conkey) and i.indkey[0] <> ("
        "    select a.attnum from pg_attribute a where a.attrelid = k.conrelid"
        "    and a.attname = 'workspace_id'))))",
        "build an index on its columns, in a revision before the key",
        {
            "drop index public.idx_document_chunks_document_id": (
                "public.document_chunks.document_chunks_workspace_id_document_id_fkey"
            )
        },
        "drop index public.idx_workspaces_created_by; create index on public.workspaces"
        " (created_by, name) where created_by is not null",
    ),
    Law(
        "nothing counts across workspaces",
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind = 'S' and n.nspname in ('public', 'mivaa')",
        "use uuid keys: a sequence ties all workspaces to one server",
        {
            "create sequence public.planted": "planted",
            "alter table public.documents add column planted serial": "documents_planted_seq",
        },
        ELSEWHERE + " create sequence platform.counting",
    ),
    Law(
        "every table that API roles reach has policies",
        "select name from tables o where not exists (select from policies p"
        f" where p.table_name = o.name) and name not in {CLOSED}",
        "add a file per policy to sql/policies",
        {
            "create table public.planted (id uuid);"
            " alter table public.planted enable row level security;"
            " create policy everybody on public.planted using (true)": "public.planted",
        },
        "create table public.planted (id uuid);"
        " alter table public.planted enable row level security;"
        " create policy planted_access on public.planted using (true)",
    ),
    Law(
        "every table says what it holds",
        "select name from ours where obj_description(oid, 'pg_class') is null",
        "give the model and the revision a comment",
        {"comment on table public.documents is null": "public.documents"},
        ELSEWHERE + " comment on table public.documents is 'Something else.'",
    ),
    Law(
        "every column says what it holds",
        "select o.name || '.' || a.attname from ours o join pg_attribute a on a.attrelid = o.oid"
        " where a.attnum > 0 and not a.attisdropped"
        " and col_description(a.attrelid, a.attnum) is null",
        "give the column a comment in the model and in the revision",
        {"comment on column public.documents.title is null": "public.documents.title"},
        "alter table public.documents add column planted text;"
        " alter table public.documents drop column planted",
    ),
    Law(
        "every trigger says what it is for",
        "select t.tgname || ' on ' || o.name from pg_trigger t join ours o on o.oid = t.tgrelid"
        " where not t.tgisinternal and obj_description(t.oid, 'pg_trigger') is null",
        "add it to sql/comments.sql",
        {
            "comment on trigger zz_mivaa_updated_at on public.documents is null": (
                "zz_mivaa_updated_at on public.documents"
            )
        },
        # A foreign key brings triggers of the server's own.
        "alter table public.workspaces add column planted uuid references public.workspaces (id)",
    ),
)

(
    test_the_law_holds,
    test_the_law_finds_a_fault,
    test_the_law_leaves_a_look_alike_alone,
) = checks_of(LAWS)
