"""Laws of the bodies of functions: whatever else is in the database, they mean the same.

PostgreSQL looks names up when a function is executed, with the rights of whoever it runs as. What
a search path holds beyond pg_catalog is dangerous as soon as somebody else can create there:

- An operator or a function of pg_catalog is chosen where it takes exactly the types that are given.
  For any other types, one that somebody created in a schema of the path, and that fits better, is
  executed instead: ``double precision + integer``, ``varchar = text``, ``round(integer)``. The same
  goes for IN, BETWEEN, CASE x WHEN, NULLIF, IS DISTINCT FROM and JOIN USING, which use operators
  without writing them. So every path is ``pg_catalog, pg_temp``, in which operators and functions
  come from pg_catalog alone (``pg_temp`` is never searched for those): a law in test_functions.py.
- Tables and types are found in pg_temp too, where everybody can create. So they are qualified, or
  those of pg_catalog, which comes first.
- A qualified function can have a namesake in its schema that fits the arguments better: for a null
  or a string without a type, for a number of another type, and for arguments left to defaults.

A body that begins with RETURN or BEGIN ATOMIC is left out: what it names was looked up when it was
created, by the owner. The laws hold for all other functions: for those with their owner's rights,
for what they call, and for what the owner or service_role calls as much as for those of users.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from pglast import ast
from sqlalchemy.engine import Connection

from fixtures.bodies import Body, bodies, strings
from fixtures.calls import Worlds
from fixtures.clusters import both_majors
from fixtures.laws import plant

EXECUTED = {
    # Its tables have type regclass, whose text is qualified; a mode is no name.
    "mivaa.lock_tables(text,text[])": "lock table only %s in %s mode",
    # The digest of this text is in the private ledger: nobody but the chain and the owner wrote it.
    "rollback_migration_phase(text,text)": "",
}
"""Functions that execute text which no parser can read here, and why; the text, where it is one."""

PATHS = {"rollback_migration_phase(text,text)"}
"""Functions that change the search path: the SQL that this one executes names types of pgvector."""


class Catalog(NamedTuple):
    """What pg_catalog has, and the types of the arguments that functions of ours take."""

    functions: set[str]
    types: set[str]
    relations: set[str]
    arguments: dict[str, list[list[str]]]


def catalog(connection: Connection) -> Catalog:
    def names(query: str) -> set[str]:
        return {str(name) for (name,) in connection.exec_driver_sql(query)}

    arguments: dict[str, list[list[str]]] = {}
    for name, types in connection.exec_driver_sql(
        "select n.nspname || '.' || p.proname, array(select t::regtype::text"
        " from unnest(p.proargtypes) with ordinality u (t, o) order by o)"
        " from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
        " where n.nspname in ('public', 'mivaa', 'auth')"
    ):
        arguments.setdefault(name, []).append(types)
    inside = "= 'pg_catalog'::regnamespace"
    return Catalog(
        names(f"select proname from pg_proc where pronamespace {inside}"),
        names(f"select typname from pg_type where typnamespace {inside}"),
        names(f"select relname from pg_class where relnamespace {inside}"),
        arguments,
    )


def bare(name: tuple[ast.String, ...]) -> str | None:
    """A name without a schema; None for a qualified one."""
    return name[0].sval if len(name) == 1 else None


def tables(body: Body, known: Catalog) -> Iterator[str]:
    for node, ctes in body.nodes():
        is_bare = isinstance(node, ast.RangeVar) and not node.schemaname
        if is_bare and node.relname not in known.relations | ctes:
            yield node.relname
    for name, type_, _ in body.variables:
        table = re.fullmatch(r"(.+)%rowtype|(.+)\.[^.]+%type", type_, re.IGNORECASE)
        if table and "." not in (table[1] or table[2]):
            yield f"{name} {type_}"


def functions(body: Body, known: Catalog) -> Iterator[str]:
    for node, _ in body.nodes():
        if isinstance(node, ast.FuncCall):
            name = bare(node.funcname)
            if name and name not in known.functions:
                yield name


def types(body: Body, known: Catalog) -> Iterator[str]:
    for node, _ in body.nodes():
        if isinstance(node, ast.TypeName) and node.names:
            name = bare(node.names)
            if name and name not in known.types:
                yield name


def operators(body: Body, known: Catalog) -> Iterator[str]:
    for node, _ in body.nodes():
        name = None
        match node:
            case ast.A_Expr():
                name = node.name
            case ast.SubLink():
                name = node.operName
            case ast.SortBy():
                name = node.useOp
        if name and len(name) > 1 and name[0].sval != "pg_catalog":
            yield ".".join(part.sval for part in name)


def names_in_text(body: Body, known: Catalog) -> Iterator[str]:
    for node, _ in body.nodes():
        if isinstance(node, ast.TypeCast) and re.match("_?reg", node.typeName.names[-1].sval):
            yield from (text for text in strings(node.arg) if "." not in text)


def executed(body: Body, known: Catalog) -> Iterator[str]:
    waived = EXECUTED.get(body.name)
    yield from (text for text in body.unreadable if text != waived)
    if body.executes and not body.executed and not body.unreadable and waived is None:
        yield "text of elsewhere"


def paths(body: Body, known: Catalog) -> Iterator[str]:
    if body.name in PATHS:
        return
    for node, _ in body.nodes():
        match node:
            case ast.VariableSetStmt(name="search_path"):
                yield "set search_path"
            case ast.FuncCall(
                funcname=(*_, ast.String(sval="set_config")),
                args=(ast.A_Const(val=ast.String(sval="search_path")), *_),
            ):
                yield "set_config"


def calls(body: Body, known: Catalog) -> Iterator[str]:
    for node, _ in body.nodes():
        if not isinstance(node, ast.FuncCall) or bare(node.funcname):
            continue
        name = ".".join(part.sval for part in node.funcname)
        given = node.args or ()
        for wanted in known.arguments.get(name, []):
            if len(wanted) != len(given):
                yield f"{name} with {len(given)} arguments of {len(wanted)}"
            for argument, type_ in zip(given, wanted, strict=False):
                if isinstance(argument, ast.NamedArgExpr):
                    yield f"{name}({argument.name} => ...)"
                elif isinstance(argument, ast.A_Const) and _type(argument) != type_:
                    yield f"{name}(... {type_} ...)"


def _type(constant: ast.A_Const) -> str:
    """The type of a constant; of a string that which PostgreSQL prefers for one."""
    kinds = {
        ast.Integer: "integer",
        ast.Float: "numeric",
        ast.String: "text",
        ast.Boolean: "boolean",
    }
    return kinds.get(type(constant.val), "unknown")


class Rule(NamedTuple):
    """A law of bodies.

    Attributes:
        name: The law in words.
        broken_by: What in a body breaks it.
        remedy: What to do about it.
        faults: Bodies that break it, with what must be found in them.
        look_alikes: Bodies that do not, though they come near.
    """

    name: str
    broken_by: Callable[[Body, Catalog], Iterator[str]]
    remedy: str
    faults: dict[str, str]
    look_alikes: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


LAWS = (
    Rule(
        "tables are qualified, or those of pg_catalog",
        tables,
        "write public.documents: a temporary table of the same name would be taken instead",
        {
            "begin perform from documents; end": "documents",
            "begin perform from public.documents d where d.id in (select id from later);"
            " with later as (select) select into v_any from later; end": "later",
            "begin delete from document_chunks; end": "document_chunks",
            "begin execute 'select from documents'; end": "documents",
            "declare v_id documents.id%type; begin end": "v_id documents.id%TYPE",
            "declare v_row documents%rowtype; begin end": "v_row documents%rowtype",
            "begin perform from public.documents join chunks using (id); end": "chunks",
        },
        (
            (
                "begin with later as (select), documents as (select from later)"
                " select into v_any from documents; end"
            ),
            (
                "declare v_id public.documents.id%type; v_row public.documents%rowtype;"
                " begin select d.id into v_id from public.documents d; end"
            ),
            "begin perform from pg_class c, generate_series(1, 2) documents; end",
        ),
    ),
    Rule(
        "functions are qualified, or those of pg_catalog",
        functions,
        "write the schema: with its own search path the function would not be found",
        {
            "begin perform user_id(); end": "user_id",
            "begin if l2_normalize(v_any) is null then return; end if; end": "l2_normalize",
            "begin execute format('select get_user_role() from %I', 'x'); end": "get_user_role",
        },
        (
            (
                "begin perform mivaa.user_id(), coalesce(length('x'), 1);"
                " perform extract(epoch from now()), nullif(1, 2); end"
            ),
        ),
    ),
    Rule(
        "types are qualified, or those of pg_catalog",
        types,
        "write the schema, or take the type of a column or a parameter: variable column%type",
        {
            "begin perform v_any::vector; end": "vector",
            "declare v_query vector; begin end": "vector",
            "declare v_one one_of_them := 1; begin end": "one_of_them",
            "begin execute 'select $1::halfvec(3)' using 1; end": "halfvec",
        },
        (
            (
                "declare v_one public.documents; v_two text; v_three timestamp with time zone;"
                " v_four record; v_five numeric(3, 2)[]; v_six v_two%type;"
                " begin perform v_two::integer, v_three::date[]; end"
            ),
        ),
    ),
    Rule(
        "operators are those of pg_catalog",
        operators,
        "compare vectors by mivaa.cosine_distance() and the like, or as arrays",
        {
            "begin perform 1 operator(public.+) 2; end": "public.+",
            "begin perform 1 operator(public.=) any (array[1]); end": "public.=",
            "begin perform 1 operator(public.=) all (select 1); end": "public.=",
            "begin perform from public.documents order by id using operator(public.<); end": (
                "public.<"
            ),
        },
        ("begin perform 1 operator(pg_catalog.+) 2, 1 between 2 and 3, 1 in (2); end",),
    ),
    Rule(
        "names in text are qualified",
        names_in_text,
        "write 'public.documents'::regclass: a temporary table of the name would be taken instead",
        {
            "begin perform 'documents'::regclass; end": "documents",
            "begin perform array['public.x', 'chunks']::regclass[]; end": "chunks",
            "declare v_all regclass[] := array['documents']; begin end": "documents",
        },
        ("begin perform 'public.documents'::regclass, 'documents'::text, v_any::regclass; end",),
    ),
    Rule(
        "SQL that is executed as text can be read here",
        executed,
        "execute a constant or format() of one, or write down here what is executed and why",
        {
            "begin execute v_any; end": "text of elsewhere",
            "begin return query execute v_any; end": "text of elsewhere",
            "begin execute format('select from where %s', v_any); end": "select from where %s",
            "begin for v_any in execute v_any loop end loop; end": "text of elsewhere",
        },
        (
            "begin execute format('analyze %s', v_any); execute 'select $1' using v_any; end",
            "begin v_any := 'select from where'; perform v_any; end",
        ),
    ),
    Rule(
        "the search path stays as it is",
        paths,
        "qualify the names instead",
        {
            "begin set local search_path = public; end": "set search_path",
            "begin perform set_config('search_path', 'public', true); end": "set_config",
            "begin execute 'set local search_path = public'; end": "set search_path",
        },
        (
            (
                "begin set local work_mem = '1MB'; perform set_config('work_mem', '1MB', true),"
                " current_setting('search_path'); end"
            ),
        ),
    ),
    Rule(
        "functions of ours are called with arguments of exactly their types",
        calls,
        "cast a null and a number, and pass every argument: a namesake could fit better",
        {
            "begin perform mivaa.resolve_workspace(null, 'read'); end": (
                "mivaa.resolve_workspace(... uuid ...)"
            ),
            "begin perform mivaa.is_colleague('x'); end": "mivaa.is_colleague(... uuid ...)",
            "begin perform mivaa.workspace_for(); end": "mivaa.workspace_for with 0 arguments of 1",
            "begin perform mivaa.workspace_for(permission_name => 'read'); end": (
                "mivaa.workspace_for(permission_name => ...)"
            ),
        },
        (
            (
                "begin perform mivaa.resolve_workspace(null::uuid, 'read'), mivaa.user_id(),"
                " mivaa.has_permission(v_any::text); end"
            ),
        ),
    ),
)


def planted(body: str) -> str:
    """A function in PL/pgSQL; each has a variable or two."""
    declared = "declare v_any text; "
    body = body.replace("declare ", declared, 1) if "declare " in body else declared + body
    returns = "setof text" if "return query" in body else "void"
    return (
        f"create function mivaa.planted() returns {returns} language plpgsql"
        f" set search_path = pg_catalog, pg_temp as $planted${body}$planted$"
    )


def broken(connection: Connection, law: Rule) -> list[str]:
    known = catalog(connection)
    return [
        f"{body.name}: {what}" for body in bodies(connection) for what in law.broken_by(body, known)
    ]


@both_majors
@pytest.mark.parametrize("law", LAWS, ids=str)
def test_the_law_holds(worlds: Worlds, major: int, law: Rule) -> None:
    with worlds(major).owner() as connection:
        culprits = broken(connection, law)
    assert not culprits, (
        f"The law is: {law.name}. It is broken by {'; '.join(culprits)}. Remedy: {law.remedy}."
    )


@pytest.mark.parametrize(
    ("law", "body", "culprit"),
    [
        pytest.param(law, body, culprit, id=f"{law.name}: {body}")
        for law in LAWS
        for body, culprit in law.faults.items()
    ],
)
def test_the_law_finds_a_fault(superuser: Connection, law: Rule, body: str, culprit: str) -> None:
    plant(superuser, "set local check_function_bodies = off;" + planted(body))
    assert f"mivaa.planted(): {culprit}" in broken(superuser, law)


@pytest.mark.parametrize(
    ("law", "body"),
    [pytest.param(law, body, id=f"{law.name}: {body}") for law in LAWS for body in law.look_alikes],
)
def test_the_law_leaves_a_look_alike_alone(superuser: Connection, law: Rule, body: str) -> None:
    plant(superuser, planted(body))
    assert not broken(superuser, law)


@pytest.mark.parametrize("waived", sorted({*EXECUTED, *PATHS}))
def test_each_function_that_is_named_here_still_needs_it(
    superuser: Connection, waived: str
) -> None:
    body = next(body for body in bodies(superuser) if body.name == waived)
    assert body.executes
