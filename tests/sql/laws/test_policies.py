"""Laws of policies: who is admitted, what is restricted, and what testing a row costs."""

from __future__ import annotations

from fixtures.laws import Law, checks_of

FOREIGN = "create policy everybody on public.documents using (true)"
"""A policy of somebody else's."""

PLANTED = (
    "create table public.planted (id uuid, workspace_id uuid);"
    " create policy planted_select on public.planted as restrictive for select to public"
    " using (workspace_id = (select mivaa.workspace_for('read')));"
)

WITHOUT_TEXTS = "regexp_replace(p.condition, $$'(?:[^']|'')*'$$, '', 'g')"
"""The condition of a policy, without the texts in it, which may hold anything."""

WITHOUT_QUERIES = (
    f"regexp_replace({WITHOUT_TEXTS},"
    r" '\( SELECT (?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)', '?', 'g')"
)
"""The condition, with a question mark for each sub-query."""

CASTS = r"::(?:\w+ (?:varying|precision|with(?:out)? time zone)|\w+)(?:\[\])?"

COMPARISONS = (
    f"regexp_replace(regexp_replace({WITHOUT_QUERIES}, '{CASTS}|[()]', '', 'g'),"
    r" '\m(?:CURRENT|SESSION|LOCAL)_?\w+', '?', 'g')"
)
"""The condition, with a question mark for what is asked once; without casts and parentheses."""

COMPARES = "(?:[<>]?=|<|>|@>|<@|&&|IN)"
"""What an index can answer, as a regular expression."""

UNINDEXED = {
    "(select mivaa.get_user_role()) = title": "title",
    "content in (select mivaa.get_user_role())": "content",
    "title in ('all', (select mivaa.get_user_role()))": "title",
    "updated_at > (select now())": "updated_at",
    "updated_at between '-infinity' and (select now()::timestamp)": "updated_at",
    "title = any (array(select mivaa.get_user_role()))": "title",
    "(select mivaa.get_user_role())::varchar = title::varchar": "title",
    "content = current_user": "content",
}
"""Conditions that look for rows by a column of documents that leads no index, and the column."""

LAWS = (
    Law(
        "a table with rows of workspaces has all five policies",
        "select o.name || ': ' || wanted from tables o,"
        " unnest(array['access', 'select', 'insert', 'update', 'delete']) wanted"
        " where exists (select from pg_attribute a where a.attrelid = o.oid"
        " and a.attname = 'workspace_id') and o.relname <> 'workspace_members'"
        " and not exists (select from policies p where p.table_name = o.name"
        " and p.polname = o.relname || '_' || wanted)",
        "add the policy to sql/policies; all five stand there for every such table",
        {
            "drop policy documents_delete on public.documents": "public.documents: delete",
            "alter policy documents_select on public.documents rename to reading": (
                "public.documents: select"
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
        "select name from policies where polpermissive and polname <> relname || '_access'"
        " and table_name <> 'mivaa.ledger'",
        'make the policy "as restrictive": a permissive one is an alternative, no condition',
        {
            "drop policy documents_select on public.documents;"
            " create policy documents_select on public.documents for select to authenticated"
            " using (true)": "documents_select on public.documents",
        },
        FOREIGN,
    ),
    Law(
        "one policy of a table admits, and it is the permissive one",
        # Nobody is admitted to the records that the owner executes.
        "select table_name from policies where table_name <> 'public.migration_tracking'"
        " group by table_name having count(*) filter (where polpermissive) <> 1",
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
        "policies admit authenticated, and restrict everybody",
        "select name from policies where polroles <> array[case when polpermissive"
        " then 'authenticated'::regrole::oid else 0 end] and table_name <> 'mivaa.ledger'",
        'write "to authenticated" for the permissive policy, and "to public" for the others: a role'
        " that they do not name is restricted by nothing",
        {
            "alter policy documents_select on public.documents to authenticated": (
                "documents_select on public.documents"
            ),
            "alter policy documents_access on public.documents to authenticated, anon": (
                "documents_access on public.documents"
            ),
            "alter policy documents_access on public.documents to public": (
                "documents_access on public.documents"
            ),
        },
        FOREIGN,
    ),
    Law(
        "each restrictive policy of rows of workspaces asks in which workspace",
        "select p.name from policies p join pg_attribute a on a.attrelid = p.polrelid"
        " and a.attname = 'workspace_id' and p.relname <> 'workspace_members'"
        r" where not p.polpermissive and p.condition !~ 'workspace_id = \( SELECT"
        r" mivaa\.workspace_for\('",
        "compare workspace_id with (select mivaa.workspace_for('...'))",
        {
            "alter policy documents_select on public.documents"
            " using ((select mivaa.has_permission('read')))": (
                "documents_select on public.documents"
            ),
            "alter policy documents_update on public.documents"
            " using (true) with check (true)": "documents_update on public.documents",
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
            "drop policy documents_update on public.documents;"
            " create policy documents_update on public.documents as restrictive for select"
            " to public using (true)": "documents_update on public.documents",
        },
        FOREIGN + "; create policy another on public.documents for select using (true)",
    ),
    Law(
        "policies call functions once a statement and not once a row",
        # Within a sub-query the columns of the policy's table bear its name: one that has such a
        # column is run for each row, wrapped or not.
        rf"select p.name from policies p where {WITHOUT_QUERIES} ~ '\w\('"
        rf" or {WITHOUT_TEXTS} ~ ('\m' || p.relname || '\.')",
        "wrap the call: (select f()), with no column in it",
        {
            "alter policy documents_select on public.documents"
            " using (mivaa.has_permission('read') and (select mivaa.user_id()) is not null)": (
                "documents_select on public.documents"
            ),
            "alter policy documents_select on public.documents"
            " using ((select mivaa.has_permission(title)))": "documents_select on public.documents",
            "alter policy documents_delete on public.documents using ((select true from"
            " (select mivaa.uuid_or_null('(' || title)) asked (id)))": (
                "documents_delete on public.documents"
            ),
            "alter policy documents_update on public.documents"
            " using ((select mivaa.has_permission('read') where user_id is not null))": (
                "documents_update on public.documents"
            ),
        },
        "alter policy documents_select on public.documents"
        " using ((select mivaa.has_permission('read')) and title is not null);"
        " alter policy documents_delete on public.documents"
        " using ((select mivaa.has_permission(coalesce('documents.title(', 'read'))))",
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
        "select distinct p.name || ': ' || c.attname from policies p"
        f" cross join lateral (select {COMPARISONS} as comparisons) asked"
        # What is no column, such as a number, joins nothing.
        " join pg_attribute c on c.attrelid = p.polrelid and c.attnum > 0 and asked.comparisons"
        r" ~ format('\m%1$s %2$s (?:A(?:NY|LL) )?(?:ARRAY(?:\[[^]]*)?)?\?"
        rf"|\? %2$s (?:ANY )?%1$s\M', c.attname, '{COMPARES}')"
        " where not exists (select from pg_index i join pg_attribute a on a.attrelid = i.indrelid"
        " and a.attnum = i.indkey[0] where i.indrelid = p.polrelid and a.attnum = c.attnum"
        " and i.indisvalid and (i.indpred is null"
        r" or pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', c.attname)))",
        "build the index in a revision before the policy: without it, each statement of each user"
        " reads the rows of all workspaces",
        {
            PLANTED: "planted_select on public.planted: workspace_id",
            PLANTED + "create index on public.planted (id, workspace_id)": (
                "planted_select on public.planted: workspace_id"
            ),
            PLANTED + "create index on public.planted (workspace_id) where id is null": (
                "planted_select on public.planted: workspace_id"
            ),
            "drop index public.idx_documents_user_created; alter policy documents_delete"
            " on public.documents using (user_id = (select mivaa.user_id()))": (
                "documents_delete on public.documents: user_id"
            ),
            **{
                f"alter policy documents_select on public.documents using ({condition})": (
                    f"documents_select on public.documents: {column}"
                )
                for condition, column in UNINDEXED.items()
            },
        },
        PLANTED + "create index on public.planted (workspace_id, id);"
        " alter policy documents_select on public.documents using ("
        "(select mivaa.user_id()) = user_id and ((select mivaa.has_permission('read'))::integer = 1"
        " or title is not null and title <> 'title = (select' or metadata <> '{}')"
        " and title <> (select mivaa.get_user_role()))",
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
            "alter function mivaa.workspace_for(text) volatile": "mivaa.workspace_for(text)",
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
