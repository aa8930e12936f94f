"""Laws of functions: with whose rights they run, their search path, and who may call them."""

from __future__ import annotations

import re
from pathlib import Path

import mivaa_schema
from fixtures.laws import Law, checks_of

OWNER_ONLY = "('mark_migration_complete', 'rollback_migration_phase')"
"""Functions for the owner of the tables alone: what they execute runs with the owner's rights."""

DEFINERS = """
values
  -- They read memberships, which users and Supabase Auth must not.
  ('mivaa.workspace_for(text)'), ('mivaa.get_user_role()'), ('mivaa.active_workspace_ids()'),
  ('mivaa.is_colleague(uuid)'),
  ('mivaa.custom_access_token_hook(jsonb)'),
  -- They find faults that row-level security hides.
  ('mivaa.integrity(uuid)'), ('mivaa.integrity_of_request()'),
  ('mivaa.orphaned_chunks(uuid,integer)'), ('mivaa.orphaned_chunks_of_request(integer)'),
  ('mivaa.is_workspace(uuid)'),
  -- ANALYZE is the owner's.
  ('mivaa.refresh_statistics()'), ('mivaa.refresh_statistics_of_request()')
"""
"""Every function that is SECURITY DEFINER, since its job is impossible otherwise."""


def planted(schema: str = "mivaa", more: str = "", arguments: str = "") -> str:
    return (
        f"create function {schema}.planted({arguments}) returns int language sql"
        f" set search_path = pg_catalog, pg_temp {more} as 'select 1';"
    )


def granted() -> str:
    """What sql/grants.sql grants on functions, as rows of signature and role."""
    grants = (Path(mivaa_schema.__file__).parent / "sql/grants.sql").read_text(encoding="utf-8")
    found = re.findall(
        r"^\s*(?:then )?grant execute on function ([^)]+\))\s+to ([\w, ]+);", grants, re.MULTILINE
    )
    assert len(found) == grants.count("grant execute")
    rows = [
        (re.sub(r"\s+", " ", signature), role)
        for signature, roles in found
        for role in roles.split(", ")
    ]
    return ", ".join(f"('{signature}', '{role}')" for signature, role in rows)


LAWS = (
    Law(
        "every function finds operators and functions in pg_catalog alone",
        # Schemas of temporary objects are searched first for types, unless the path names them;
        # an empty path does not. A body that begins with RETURN is parsed when the function is
        # created, and looks for nothing later.
        "select name from functions where prosqlbody is null"
        " and 'search_path=pg_catalog, pg_temp' <> all (coalesce(proconfig, '{}'))",
        "set search_path = pg_catalog, pg_temp; vectors are compared by mivaa.cosine_distance and"
        " the like",
        {
            planted() + "alter function mivaa.planted() set search_path = pg_catalog, public,"
            " pg_temp": "mivaa.planted()",
            planted() + "alter function mivaa.planted() reset search_path": "mivaa.planted()",
            planted() + "alter function mivaa.planted() set search_path = ''": "mivaa.planted()",
            planted() + "alter function mivaa.planted() set search_path = public": (
                "mivaa.planted()"
            ),
            planted() + "alter function mivaa.planted() set search_path = pg_temp, pg_catalog": (
                "mivaa.planted()"
            ),
        },
        planted(more="set plan_cache_mode = force_custom_plan")
        + "create function mivaa.parsed() returns int language sql return 1;",
    ),
    Law(
        "a function whose body is parsed when it is created has its caller's rights, and is so"
        " simple that the planner replaces the call",
        "select name from functions where prosqlbody is not null"
        " and (prosecdef or proconfig is not null or provolatile <> 'i' or proisstrict)",
        "make it security invoker, immutable and not strict, without a setting of its own",
        {
            f"alter function mivaa.cosine_distance(vector, vector) {change}": (
                "mivaa.cosine_distance(vector,vector)"
            )
            for change in ("security definer", "set search_path = ''", "volatile", "strict")
        },
        planted(more="set plan_cache_mode = force_custom_plan"),
    ),
    Law(
        "functions that run with their owner's rights live in schema mivaa",
        "select name from functions where prosecdef and nspname <> 'mivaa'",
        "make it security invoker, and move what needs more into a private definer",
        {planted("public", "security definer"): "planted()"},
        planted(more="security definer"),
    ),
    Law(
        "exactly these functions have the rights of their owner",
        "select coalesce(found.name, wanted.name) from (select name from functions where prosecdef)"
        f" found full join ({DEFINERS}) wanted (name) on wanted.name = found.name"
        " where found.name is null or wanted.name is null",
        "make it security invoker, or write down here why its job is impossible so",
        {
            planted(more="security definer"): "mivaa.planted()",
            "alter function mivaa.user_id() security definer": "mivaa.user_id()",
            "alter function mivaa.is_workspace(uuid) security invoker": "mivaa.is_workspace(uuid)",
        },
        planted("public"),
    ),
    Law(
        "functions with their owner's rights that users reach take no workspace",
        "select f.name from functions f, unnest(f.proargnames) a (name) where f.prosecdef"
        " and has_function_privilege('authenticated', f.oid, 'execute')"
        " and a.name ~ 'workspace' and coalesce(f.proargmodes[array_position(f.proargnames,"
        " a.name)], 'i') not in ('o', 't')",
        "let it take the workspace of the request itself, or keep it to service_role",
        {
            "grant execute on function mivaa.integrity(uuid) to authenticated": (
                "mivaa.integrity(uuid)"
            ),
            planted(more="security definer", arguments="workspace_id_param uuid"): (
                "mivaa.planted(uuid)"
            ),
        },
        planted(arguments="workspace_id_param uuid")
        + "grant execute on function mivaa.planted(uuid) to authenticated;"
        " create function mivaa.another(workspace uuid) returns int language sql security definer"
        " as 'select 1'; revoke execute on function mivaa.another(uuid) from public;"
        " grant execute on function mivaa.another(uuid) to service_role",
    ),
    Law(
        "objects belong to the owner of the tables, who is no superuser",
        "select f.name from functions f where f.proowner <> (select relowner from pg_class"
        " where oid = 'public.documents'::regclass) union all select o.name from ours o"
        " where o.relowner <> (select relowner from pg_class where oid ="
        " 'public.documents'::regclass) union all select 'the owner of documents' from pg_class c"
        " join pg_roles r on r.oid = c.relowner where c.oid = 'public.documents'::regclass"
        " and r.rolsuper",
        "alter ... owner to: rights of the owner must be those of the owner of the tables, no more",
        {
            "alter function mivaa.is_colleague(uuid) owner to supabase_admin": (
                "mivaa.is_colleague(uuid)"
            ),
            "alter table public.workspaces owner to supabase_admin": "public.workspaces",
            "alter table public.documents owner to supabase_admin": "the owner of documents",
        },
        "create schema platform; create table platform.planted (id uuid)",
    ),
    Law(
        "no function is LEAKPROOF",
        "select name from functions where proleakproof",
        "alter function ... not leakproof: row-level security lets such a function see every row",
        {"alter function mivaa.user_id() leakproof": "mivaa.user_id()"},
        "alter function mivaa.user_id() cost 1",
    ),
    Law(
        "neither PUBLIC nor anon executes anything",
        "select name || ': ' || coalesce(r.rolname, 'public') from functions f,"
        " aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a"
        " left join pg_roles r on r.oid = a.grantee"
        " where a.grantee = 0 or r.rolname = 'anon'",
        "create functions by create(), which revokes what they are born with",
        {
            planted(): "mivaa.planted(): public",
            "grant execute on function mivaa.user_id() to anon": "mivaa.user_id(): anon",
        },
        planted() + "revoke execute on function mivaa.planted() from public;"
        " grant execute on function mivaa.planted() to authenticated",
    ),
    Law(
        "functions of the API are granted to its roles, and the owner's to nobody",
        "select f.name || ': ' || r.rolname from functions f,"
        " pg_roles r where r.rolname in ('authenticated', 'service_role')"
        " and f.nspname = 'public' and f.prorettype <> 'trigger'::regtype"
        " and has_function_privilege(r.oid, f.oid, 'execute')"
        f" = (f.proname in {OWNER_ONLY})",
        "grant execute in sql/grants.sql, or add the function to those of the owner",
        {
            "grant execute on function public.rollback_migration_phase(text, text)"
            " to service_role": "rollback_migration_phase(text,text): service_role",
            "revoke execute on function public.get_embedding_migration_progress()"
            " from authenticated": "get_embedding_migration_progress(): authenticated",
        },
        "create function public.planted() returns trigger language plpgsql as 'begin end';"
        " revoke execute on function public.planted() from public",
    ),
    Law(
        "functions have exactly the privileges that sql/grants.sql gives",
        "select coalesce(found.name, wanted.name) || ': ' || coalesce(found.role, wanted.role)"
        " || case when wanted.role is null then ' may execute it'"
        " when found.role is null then ' may not execute it'"
        " else ' may grant it' end"
        " from (select f.name, coalesce(r.rolname, 'public') as role,"
        "  bool_or(a.is_grantable) as may_grant from functions f,"
        "  aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a"
        "  left join pg_roles r on r.oid = a.grantee where a.grantee <> f.proowner group by 1, 2"
        " ) found full join (select coalesce(to_regprocedure(g.signature)::text, g.signature)"
        f"  as name, g.role from (values {granted()}) g (signature, role)"
        " ) wanted on wanted.name = found.name and wanted.role = found.role"
        " where found.role is null or wanted.role is null or found.may_grant",
        "revoke it, or write it into sql/grants.sql",
        {
            "grant execute on function mivaa.integrity(uuid) to authenticated": (
                "mivaa.integrity(uuid): authenticated may execute it"
            ),
            "grant execute on function mivaa.user_id() to authenticator": (
                "mivaa.user_id(): authenticator may execute it"
            ),
            "grant execute on function mivaa.user_id() to service_role with grant option": (
                "mivaa.user_id(): service_role may grant it"
            ),
            "revoke execute on function mivaa.user_id() from service_role": (
                "mivaa.user_id(): service_role may not execute it"
            ),
            planted(): "mivaa.planted(): public may execute it",
        },
        "grant execute on function mivaa.user_id() to postgres;"
        " create schema platform; create function platform.planted() returns int language sql"
        " as 'select 1'",
    ),
    Law(
        "every function says what it is for",
        "select name from functions where obj_description(oid, 'pg_proc') is null",
        "add it to sql/comments.sql",
        {"comment on function mivaa.user_id() is null": "mivaa.user_id()"},
        planted() + "comment on function mivaa.planted() is 'Nothing.'",
    ),
)

(
    test_the_law_holds,
    test_the_law_finds_a_fault,
    test_the_law_leaves_a_look_alike_alone,
) = checks_of(LAWS)
