"""Laws of policies: who is admitted, what is restricted, and what a look at a row costs."""

from __future__ import annotations

from fixtures.laws import Law, checks_of

FOREIGN = "create policy everybody on public.documents using (true)"
"""A policy of somebody else's."""

PLANTED = (
    "create table public.planted (id uuid, workspace_id uuid);"
    " create policy planted_isolation on public.planted as restrictive for all to authenticated"
    " using (workspace_id = (select mivaa.get_workspace_id()));"
)

LAWS = (
    Law(
        "a table with rows of workspaces has all six policies",
        "select o.name || ': ' || wanted from tables o,"
        " unnest(array['access', 'isolation', 'select', 'insert', 'update', 'delete']) wanted"
        " where exists (select from pg_attribute a where a.attrelid = o.oid"
        " and a.attname = 'workspace_id') and o.relname <> 'workspace_members'"
        " and not exists (select from policies p where p.table_name = o.name"
        " and p.polname = o.relname || '_' || wanted)",
        "add the policy to sql/policies; all six stand there for every such table",
        {
            "drop policy documents_delete on public.documents": "public.documents: delete",
            "alter policy documents_isolation on public.documents rename to isolation": (
                "public.documents: isolation"
            ),
        },
        "create table public.planted (id uuid); " + FOREIGN,
    ),
    Law(
        "the tables on which all trust rests admit and isolate",
        "select o.name || ': ' || wanted from tables o, unnest(array['access', 'isolation']) wanted"
        " where o.name in ('public.workspaces', 'public.workspace_members')"
        " and not exists (select from policies p where p.table_name = o.name"
        " and p.polname = o.relname || '_' || wanted)",
        "add the policy to sql/policies: who writes a membership enters a workspace",
        {
            "drop policy workspace_members_isolation on public.workspace_members": (
                "public.workspace_members: isolation"
            ),
            "drop policy workspaces_access on public.workspaces": "public.workspaces: access",
        },
        "create policy everybody on public.workspaces using (true)",
    ),
    Law(
        "conditions are restrictive",
        "select name from policies where polpermissive and polname <> relname || '_access'",
        'make the policy "as restrictive": a permissive one is an alternative, no condition',
        {
            "drop policy documents_isolation on public.documents;"
            " create policy documents_isolation on public.documents to authenticated"
            " using (true)": "documents_isolation on public.documents",
        },
        FOREIGN,
    ),
    Law(
        "one policy of a table admits, and it is the permissive one",
        "select table_name from policies group by table_name"
        " having count(*) filter (where polpermissive) <> 1",
        "keep <table>_access as the only permissive policy",
        {
            "create policy documents_also on public.documents to authenticated using (true)": (
                "public.documents"
            ),
            "drop policy documents_access on public.documents": "public.documents",
        },
        FOREIGN,
    ),
    Law(
        "policies are for authenticated",
        "select name from policies where polroles <> array['authenticated'::regrole::oid]",
        'write "to authenticated": without it, a policy is run for every role there is',
        {
            "alter policy documents_select on public.documents to public": (
                "documents_select on public.documents"
            ),
            "alter policy documents_access on public.documents to authenticated, anon": (
                "documents_access on public.documents"
            ),
        },
        FOREIGN,
    ),
    Law(
        "policies of one command are for that command, and the others for all",
        "select name from policies where polcmd <> case polname when relname || '_select' then 'r'"
        " when relname || '_insert' then 'a' when relname || '_update' then 'w'"
        " when relname || '_delete' then 'd' when relname || '_isolation' then '*' else polcmd end",
        "the name of a policy says for which command it is",
        {
            "drop policy documents_isolation on public.documents;"
            " create policy documents_isolation on public.documents as restrictive for select"
            " to authenticated using (true)": "documents_isolation on public.documents",
        },
        FOREIGN + "; create policy another on public.documents for select using (true)",
    ),
    Law(
        "policies call functions once a statement and not once a row",
        "select name from policies where regexp_replace(condition,"
        r" '\( SELECT (?:[^()]|\([^()]*\))*\)', '', 'g') ~ '\w\('",
        "wrap the call: (select f())",
        {
            "alter policy documents_select on public.documents"
            " using (mivaa.has_permission('read') and (select mivaa.user_id()) is not null)": (
                "documents_select on public.documents"
            ),
        },
        "alter policy documents_select on public.documents"
        " using ((select mivaa.has_permission('read')) and title is not null)",
    ),
    Law(
        "policies look at their own row",
        "select p.name from policies p where exists (select from pg_depend d"
        " where d.classid = 'pg_policy'::regclass and d.objid = p.oid"
        " and d.refclassid = 'pg_class'::regclass and d.refobjid <> p.polrelid)",
        "give the table the column that decides; a sub-query reads rows of all workspaces",
        {
            "create policy document_chunks_also on public.document_chunks as restrictive"
            " to authenticated using (exists (select from public.documents d"
            " where d.id = document_id))": "document_chunks_also on public.document_chunks",
        },
        "create policy documents_also on public.documents as restrictive to authenticated"
        " using (title is not null and (select mivaa.user_id()) = user_id)",
    ),
    Law(
        "a column by which a policy finds rows leads an index",
        "select distinct p.name || ': ' || m[1] from policies p, regexp_matches(p.condition,"
        r" '(\w+) = (?:ANY \(\()?\( SELECT', 'g') m"
        " where not exists (select from pg_index i join pg_attribute a on a.attrelid = i.indrelid"
        " and a.attnum = i.indkey[0] where i.indrelid = p.polrelid and a.attname = m[1]"
        " and i.indisvalid and (i.indpred is null"
        r" or pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', m[1])))",
        "build the index in a revision before the policy: without it, each statement of each user"
        " reads the rows of all workspaces",
        {
            PLANTED: "planted_isolation on public.planted: workspace_id",
            PLANTED + "create index on public.planted (id, workspace_id)": (
                "planted_isolation on public.planted: workspace_id"
            ),
            PLANTED + "create index on public.planted (workspace_id) where id is null": (
                "planted_isolation on public.planted: workspace_id"
            ),
            "drop index public.idx_documents_user_created": (
                "documents_delete on public.documents: user_id"
            ),
        },
        PLANTED + "create index on public.planted (workspace_id, id)",
    ),
    Law(
        "what policies call can run in parallel workers and is planned as stable",
        "select f.name from functions f join ("
        " with recursive used as ("
        "  select d.refobjid as oid from pg_depend d where d.classid = 'pg_policy'::regclass"
        "  and d.refclassid = 'pg_proc'::regclass"
        "  union select callee.oid from used join pg_proc caller on caller.oid = used.oid"
        "  join pg_proc callee on callee.pronamespace = 'mivaa'::regnamespace"
        r"  and caller.prosrc ~ ('mivaa\.' || callee.proname || '\M')"
        " ) select oid from used) used on used.oid = f.oid"
        " where f.provolatile = 'v' or f.proparallel <> 's'",
        "say stable (or immutable) and parallel safe, and make it true",
        {
            "alter function mivaa.json_setting(text) parallel unsafe": "mivaa.json_setting(text)",
            "alter function mivaa.json_setting(text) parallel restricted": (
                "mivaa.json_setting(text)"
            ),
            "alter function mivaa.user_id() volatile": "mivaa.user_id()",
            "alter function mivaa.has_permission(text) volatile": "mivaa.has_permission(text)",
        },
        "create function mivaa.planted() returns int language sql"
        " set search_path = pg_catalog, pg_temp as 'select 1'",
    ),
    Law(
        "every policy says what it is for",
        "select name from policies where obj_description(oid, 'pg_policy') is null",
        "add it to sql/comments.sql",
        {
            "comment on policy documents_access on public.documents is null": (
                "documents_access on public.documents"
            )
        },
        FOREIGN,
    ),
)

(
    test_the_law_holds,
    test_the_law_finds_a_fault,
    test_the_law_leaves_a_look_alike_alone,
) = checks_of(LAWS)
