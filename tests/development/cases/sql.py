"""The SQL tree: functions, triggers, policies, grants, comments, storage."""

from __future__ import annotations

from development.cases.common import quote
from development.edits import (
    Edit,
    append,
    column,
    delete,
    drop_statements,
    function,
    rename,
    replace,
    sql_file,
)
from development.path import EITHER, REFUSED, Case, Check

F = "public.twice"
FILE = f"sql/functions/{F}.sql"


def remark(signature: str = f"{F}(integer)", text: str = "Twice.") -> Edit:
    return append("comments.sql", f"comment on function {signature} is {quote(text)};\n")


def grant(signature: str = f"{F}(integer)") -> Edit:
    return append("grants.sql", f"grant execute on function {signature} to authenticated;\n")


def value(sql: str, answer: object) -> Check:
    return Check(f"select {sql}", answer)


TWICE = function(F, "select n * 2", arguments="n integer default 1")
FIRST = (TWICE, remark(), grant())


def changed(name: str, *edits: Edit, **others: object) -> Case:
    return Case(f"a function is changed: {name}", edits, first=FIRST, **others)  # type: ignore[arg-type]


def signature(old: str, new: str) -> tuple[Edit, Edit]:
    """The signature is written otherwise in both lists."""
    return (
        replace("sql/grants.sql", f"{F}({old})", f"{F}({new})"),
        replace("sql/comments.sql", f"{F}({old})", f"{F}({new})"),
    )


BODIES = {
    "a percent sign": "select '50%'",
    "formats": "select format('%s %%', 'a')",
    "a colon": "select ':a'",
    "casts": "select 1::text || ':a'::text",
    "the dollar tag of the scripts": "select 'a $mivaa$ b'",
    "the dollar tag of downgrades": "select 'a $rollback$ b'",
    "an empty dollar tag": "select 'a $$ b'",
    "a dollar tag in a dollar tag": "select $a$it's$a$",
    "one backslash": "select 'a\\b' || E'\\\\'",
    "letters of other scripts": "select 'Übergröße, 漢字, 🙂'",
    "braces": "select '{a} {0}'",
    "a semicolon": "select 'a; b'; select 'c'",
    "comments": "-- One line, it's.\n/* Another; */ select 'a -- b'",
}


def of_body(number: int, label: str, body: str) -> Case:
    name = f"public.said_{number}"
    asked = f"select btrim(prosrc, chr(10)) from pg_proc where oid = '{name}()'::regprocedure"
    return Case(
        f"a body with {label} is stored as written",
        (
            function(name, body, returns="text", tag="$body$"),
            remark(f"{name}()", f"Body: {body}"),
        ),
        checks=(Check(asked, body),),
    )


def of_changed_body(number: int, label: str, body: str) -> Case:
    name = "public.said"
    asked = f"select btrim(prosrc, chr(10)) from pg_proc where oid = '{name}()'::regprocedure"
    return Case(
        f"a body is changed to one with {label}, and back",
        (function(name, body, returns="text", tag="$body$"),),
        first=(
            function(name, body + " -- Before.", returns="text", tag="$body$"),
            remark(f"{name}()"),
        ),
        checks=(Check(asked, body),),
    )


ARGUMENTS = {
    "defaults that hold commas and parentheses": (
        "words text[] default array['a', 'b'], mark text default 'a, b)', n integer default 1",
        "text[], text, integer",
        "bigint",
    ),
    "a default that holds a percent sign and a colon": (
        "mark text default '50%, :a'",
        "text",
        "bigint",
    ),
    "out arguments": ("n integer, out a integer, out b integer", "integer", "record"),
    "variadic arguments": ("variadic words text[]", "text[]", "bigint"),
    "types of several words": (
        "a double precision, b timestamp with time zone, c character varying",
        "double precision, timestamp with time zone, character varying",
        "bigint",
    ),
    "a type with a length": (
        "a numeric(10, 2), b varchar(20)",
        "numeric, character varying",
        "bigint",
    ),
    "a table as its result": (
        "n integer",
        "integer",
        "table (a integer, b text)",
    ),
    "rows of a table as its result": ("n integer", "integer", "setof public.documents"),
    "a row of a table as its argument": ("d public.documents", "public.documents", "bigint"),
    "names that are reserved words": (
        '"order" integer, "sourceUrl" text',
        "integer, text",
        "bigint",
    ),
}
RESULTS = {
    "record": "select 1, 2",
    "table (a integer, b text)": "select 1, 'a'",
    "setof public.documents": "select * from public.documents",
}


def of_arguments(number: int, label: str, arguments: str, types: str, returns: str) -> Case:
    name = f"public.given_{number}"
    return Case(
        f"a function with {label}",
        (
            function(
                name, RESULTS.get(returns, "select 1::bigint"), arguments=arguments, returns=returns
            ),
            remark(f"{name}({types})"),
            grant(f"{name}({types})"),
        ),
    )


def of_dropped_arguments(number: int, label: str, arguments: str, types: str, returns: str) -> Case:
    name = f"public.given_{number}"
    new = of_arguments(number, label, arguments, types, returns)
    return Case(
        f"a function with {label} is dropped",
        (
            delete(f"sql/functions/{name}.sql"),
            drop_statements("comments.sql", name),
            drop_statements("grants.sql", name),
        ),
        first=new.edits,
    )


FUNCTIONS = [
    Case(
        "a new function with grant and comment",
        FIRST,
        checks=(value(f"{F}(21)", 42),),
    ),
    Case(
        "a new function without grant and comment is nobody's",
        (TWICE,),
        EITHER,
        says=("twice",),
        checks=(
            Check(
                f"select count(*) from pg_proc p cross join aclexplode(p.proacl) a"
                f" where p.oid = '{F}(integer)'::regprocedure and a.grantee <> p.proowner",
                0,
            ),
        ),
    ),
    changed(
        "its body",
        function(F, "select n + n", arguments="n integer default 1"),
        checks=(value(f"{F}(21)", 42),),
    ),
    changed(
        "the default of an argument",
        function(F, "select n * 2", arguments="n integer default 4"),
        checks=(value(f"{F}()", 8),),
    ),
    changed(
        "an argument loses its default",
        function(F, "select n * 2", arguments="n integer"),
    ),
    changed(
        "the name of an argument",
        function(F, "select number * 2", arguments="number integer default 1"),
    ),
    changed(
        "a further argument",
        function(F, "select n * m", arguments="n integer default 1, m integer default 2"),
        *signature("integer", "integer, integer"),
        checks=(
            value(f"{F}(21)", 42),
            value("count(*) from pg_proc where proname = 'twice'", 1),
        ),
    ),
    changed(
        "the type of an argument",
        function(F, "select n * 2", arguments="n bigint default 1", returns="bigint"),
        *signature("integer", "bigint"),
        checks=(value("count(*) from pg_proc where proname = 'twice'", 1),),
    ),
    changed("its result", function(F, "select n * 2.5", arguments="n integer", returns="numeric")),
    changed(
        "its volatility",
        function(F, "select n * 2", arguments="n integer default 1", properties="immutable strict"),
        checks=(value("provolatile::text from pg_proc where proname = 'twice'", "i"),),
    ),
    changed(
        "its language",
        function(
            F,
            "begin return n * 2; end",
            arguments="n integer default 1",
            language="plpgsql",
        ),
    ),
    changed(
        "its security",
        replace(FILE, "security invoker", "security definer"),
        checks=(value("prosecdef from pg_proc where proname = 'twice'", True),),
    ),
    changed(
        "its search path",
        replace(FILE, "pg_catalog, pg_temp", "pg_catalog, public, pg_temp"),
    ),
    changed(
        "its cost and its parallel safety", replace(FILE, "stable", "stable parallel safe cost 7")
    ),
    changed(
        "nothing but its look",
        replace(FILE, "language sql\n", "language   sql\n"),
        keeps=True,
    ),
    changed(
        "its file is renamed",
        rename(FILE, "sql/functions/public.twofold.sql"),
        expect=EITHER,
        says=("twofold",),
        keeps=True,
    ),
    Case(
        "a function is dropped with its grant and its comment",
        (delete(FILE), drop_statements("comments.sql", F), drop_statements("grants.sql", F)),
        first=FIRST,
    ),
    Case(
        "a function whose comment is left behind is not dropped",
        (delete(FILE), drop_statements("grants.sql", F)),
        REFUSED,
        first=FIRST,
        says=("comments.sql:", F),
    ),
    Case(
        "a function whose grant is left behind is not dropped",
        (delete(FILE), drop_statements("comments.sql", F)),
        REFUSED,
        first=FIRST,
        says=("grants.sql:", F),
    ),
    Case(
        "an overload of a function",
        (
            *FIRST,
            sql_file(
                "functions/public.twice_of_text.sql",
                f"create function {F}(word text)\nreturns text\nlanguage sql\nstable\n"
                "security invoker\nset search_path = pg_catalog, pg_temp\n"
                "as $function$\nselect word || word\n$function$;\n",
            ),
            remark(f"{F}(text)"),
        ),
        EITHER,
        says=("twice",),
        checks=(value(f"{F}('a'::text)", "aa"),),
    ),
    Case(
        "a function of the SQL standard",
        (
            sql_file(
                f"functions/{F}.sql",
                f"create function {F}(n integer)\nreturns integer\nlanguage sql\nstable\n"
                "security invoker\nset search_path = pg_catalog, pg_temp\nreturn n * 2;\n",
            ),
            remark(),
        ),
        EITHER,
        says=("twice",),
    ),
    Case(
        "a procedure",
        (
            sql_file(
                f"functions/{F}.sql",
                f"create procedure {F}(n integer)\nlanguage sql\nsecurity invoker\n"
                "set search_path = pg_catalog, pg_temp\nas $function$\nselect n\n$function$;\n",
            ),
        ),
        EITHER,
        says=("twice",),
    ),
    Case(
        "two functions of which the first calls the second",
        (
            function("public.a_caller", "select public.b_called()"),
            function("public.b_called", "select 1"),
            remark("public.a_caller()"),
            remark("public.b_called()"),
        ),
        checks=(value("public.a_caller()", 1),),
    ),
    Case(
        "a function that policies use gets another argument",
        (
            replace(
                "sql/functions/mivaa.has_permission.sql",
                "mivaa.has_permission(permission_name text)",
                "mivaa.has_permission(permission_name text, ignored integer default 0)",
            ),
            replace(
                "sql/grants.sql",
                "mivaa.has_permission(text)",
                "mivaa.has_permission(text, integer)",
            ),
            replace(
                "sql/comments.sql",
                "mivaa.has_permission(text)",
                "mivaa.has_permission(text, integer)",
            ),
        ),
        expect=REFUSED,
        says=("mivaa.has_permission", "auth"),
    ),
    Case(
        "a function that triggers use is changed",
        (replace("sql/functions/mivaa.touch_updated_at.sql", "now()", "clock_timestamp()"),),
    ),
    Case(
        "a function that a trigger's condition uses gets another name for its argument",
        (function(F, "select number * 2", arguments="number integer default 1"),),
        first=(
            *FIRST,
            sql_file(
                "triggers/documents.twice.sql",
                "create trigger zz_mivaa_twice before update on public.documents\n"
                f"for each row when ({F}(1) = 3) execute function mivaa.touch_updated_at();\n",
            ),
        ),
    ),
    Case(
        "a function and the column that it reads at once",
        (
            column("documents", "size: Mapped[int | None] = mapped_column(comment='S.')"),
            function(F, "select max(size) from public.documents"),
            remark(f"{F}()"),
        ),
    ),
]

T = "zz_mivaa_titled"
TRIGGER = "sql/triggers/documents.titled.sql"


def trigger(head: str, name: str = T, file: str = "documents.titled") -> Edit:
    return sql_file(
        f"triggers/{file}.sql",
        f"create trigger {name} {head}\nexecute function mivaa.touch_updated_at();\n",
    )


def remark_on(what: str, text: str = "Said, 100 % :so.") -> Edit:
    return append("comments.sql", f"comment on {what} is {quote(text)};\n")


ROW = "before update of title on public.documents for each row"
TITLED = (trigger(ROW), remark_on(f"trigger {T} on public.documents"))

TRIGGERS = [
    Case("a new trigger with comment", TITLED),
    Case(
        "a new trigger with a condition with a percent sign, a colon and a quote",
        (
            trigger(
                f"{ROW} when (new.title like '50%' or new.title = ':a' or new.title = 'it''s')"
            ),
            remark_on(f"trigger {T} on public.documents"),
        ),
        checks=(
            value(
                "position('50%''' in pg_get_triggerdef(oid)) > 0 from pg_trigger"
                f" where tgname = '{T}'",
                True,
            ),
        ),
    ),
    Case(
        "a new trigger for each statement",
        (
            trigger("after insert on public.documents for each statement"),
            remark_on(f"trigger {T} on public.documents"),
        ),
    ),
    Case(
        "a new trigger with transition tables",
        (
            trigger(
                "after insert on public.documents referencing new table as come for each statement"
            ),
            remark_on(f"trigger {T} on public.documents"),
        ),
    ),
    Case(
        "a new constraint trigger",
        (
            sql_file(
                "triggers/documents.titled.sql",
                f"create constraint trigger {T} after update on public.documents\n"
                "deferrable initially deferred for each row"
                " execute function mivaa.touch_updated_at();\n",
            ),
            remark_on(f"trigger {T} on public.documents"),
        ),
        EITHER,
        says=("titled",),
    ),
    Case(
        "a trigger is changed",
        (trigger("before update of title, content on public.documents for each row"),),
        first=TITLED,
    ),
    Case(
        "a trigger is renamed",
        (
            trigger(ROW, name="zz_mivaa_renamed"),
            replace("sql/comments.sql", f"trigger {T} on", "trigger zz_mivaa_renamed on"),
        ),
        first=TITLED,
    ),
    Case(
        "the file of a trigger is renamed",
        (rename(TRIGGER, "sql/triggers/documents.named.sql"),),
        EITHER,
        first=TITLED,
        says=("titled",),
        keeps=True,
    ),
    Case(
        "a trigger is dropped",
        (delete(TRIGGER), drop_statements("comments.sql", f"trigger {T} on")),
        first=TITLED,
    ),
    Case(
        "a trigger of the first revisions is dropped",
        (
            delete("sql/triggers/workspaces.updated_at.sql"),
            drop_statements("comments.sql", "zz_mivaa_updated_at on public.workspaces"),
        ),
    ),
    Case(
        "a trigger whose comment is left behind is not dropped",
        (delete("sql/triggers/workspaces.updated_at.sql"),),
        REFUSED,
        says=("comments.sql:", "zz_mivaa_updated_at"),
    ),
]

P = "documents_titled"
POLICY = "sql/policies/documents.titled.sql"


def policy(rest: str, name: str = P) -> Edit:
    return sql_file(
        "policies/documents.titled.sql", f"create policy {name} on public.documents {rest};\n"
    )


READ = "as restrictive for select to authenticated using (title is not null)"
POLICED = (policy(READ), remark_on(f"policy {P} on public.documents"))
EXPRESSION = f"pg_get_expr(polqual, polrelid) from pg_policy where polname = '{P}'"

POLICIES = [
    Case("a new policy with comment", POLICED),
    Case(
        "a new policy with a percent sign, a colon and a quote",
        (
            policy(
                "for select to authenticated"
                " using (title like '50%' or title = ':a' or title = 'it''s $mivaa$')"
            ),
            remark_on(f"policy {P} on public.documents"),
        ),
        checks=(
            value(f"position('''50%''' in {EXPRESSION.replace(' from', ') > 0 from', 1)}", True),
        ),
    ),
    Case(
        "a policy whose name has spaces and a quote",
        (
            policy(READ, name='"Reader\'s own, 100 %"'),
            remark_on('policy "Reader\'s own, 100 %" on public.documents'),
        ),
        checks=(value("count(*) from pg_policy where polname = 'Reader''s own, 100 %'", 1),),
    ),
    Case(
        "a policy is changed",
        (policy(READ.replace("is not null", "like '50%'")),),
        first=POLICED,
        checks=(value(EXPRESSION, "(title ~~ '50%'::text)"),),
    ),
    Case(
        "a policy is for another command",
        (policy("as restrictive for delete to authenticated using (title is not null)"),),
        first=POLICED,
        checks=(value(f"polcmd::text from pg_policy where polname = '{P}'", "d"),),
    ),
    Case(
        "a policy is for other roles",
        (policy(READ.replace("to authenticated", "to authenticated, service_role")),),
        first=POLICED,
    ),
    Case(
        "a policy becomes permissive",
        (policy(READ.replace("restrictive", "permissive")),),
        first=POLICED,
        checks=(value(f"polpermissive from pg_policy where polname = '{P}'", True),),
    ),
    Case(
        "a policy is renamed",
        (
            policy(READ, name="documents_named"),
            replace("sql/comments.sql", f"policy {P} on", "policy documents_named on"),
        ),
        first=POLICED,
    ),
    Case(
        "a policy is dropped",
        (delete(POLICY), drop_statements("comments.sql", f"policy {P} on")),
        first=POLICED,
    ),
    Case(
        "a policy of the first revisions is dropped",
        (
            delete("sql/policies/pdf_documents.delete.sql"),
            drop_statements("comments.sql", "pdf_documents_delete"),
        ),
    ),
    Case(
        "a policy whose comment is left behind is not dropped",
        (delete("sql/policies/pdf_documents.delete.sql"),),
        REFUSED,
        says=("comments.sql:", "pdf_documents_delete"),
    ),
    Case(
        "a policy on a column that is new",
        (
            column(
                "documents",
                "open: Mapped[bool] = mapped_column(server_default=sa.false(), comment='O.')",
            ),
            policy("as permissive for select to authenticated using (open)"),
            remark_on(f"policy {P} on public.documents"),
        ),
    ),
    Case(
        "a policy and the column that it used are dropped",
        (
            delete(POLICY),
            drop_statements("comments.sql", f"policy {P} on"),
            replace(
                "models/document.py",
                "    open: Mapped[bool | None] = mapped_column(comment='O.')\n",
                "",
            ),
        ),
        first=(
            column("documents", "open: Mapped[bool | None] = mapped_column(comment='O.')"),
            policy("as permissive for select to authenticated using (open)"),
            remark_on(f"policy {P} on public.documents"),
        ),
        moves=True,
    ),
]


def privileges(role: str, answer: str | None, table: str = "documents") -> Check:
    return Check(
        "select string_agg(lower(a.privilege_type), ', ' order by a.privilege_type)"
        " from pg_class c cross join aclexplode(c.relacl) a"
        f" where c.oid = 'public.{table}'::regclass and a.grantee = '{role}'::regrole",
        answer,
    )


EACH = "grant select, insert, update, delete on public.documents to authenticated, service_role;"

LISTS = [
    Case(
        "a privilege on a table is granted",
        (
            replace(
                "sql/grants.sql",
                "grant select on public.migration_tracking to service_role;",
                "grant select, update on public.migration_tracking to service_role;",
            ),
        ),
        checks=(privileges("service_role", "select, update", "migration_tracking"),),
    ),
    Case(
        "a privilege on a table is taken away",
        (
            replace(
                "sql/grants.sql",
                EACH,
                "grant select, insert on public.documents to authenticated;\n"
                "grant select on public.documents to service_role;",
            ),
        ),
        checks=(
            privileges("authenticated", "insert, select"),
            privileges("service_role", "select"),
        ),
    ),
    Case(
        "all privileges on a table are taken away from a role",
        (replace("sql/grants.sql", EACH, EACH.replace(", service_role", "")),),
        checks=(privileges("service_role", None),),
    ),
    Case(
        "a privilege on columns is granted",
        (
            append(
                "grants.sql",
                "grant select (id, title) on public.documents to anon;\n",
            ),
        ),
        EITHER,
        says=("grants.sql",),
        checks=(
            value("has_column_privilege('anon', 'public.documents', 'title', 'select')", True),
        ),
    ),
    Case(
        "a privilege on a function is taken away",
        (
            replace(
                "sql/grants.sql",
                "grant execute on function mivaa.table_health() to authenticated, service_role;",
                "grant execute on function mivaa.table_health() to service_role;",
            ),
        ),
        checks=(
            value(
                "has_function_privilege('authenticated', 'mivaa.table_health()', 'execute')", False
            ),
        ),
    ),
    Case(
        "a privilege on the schema is granted",
        (append("grants.sql", "grant usage on schema mivaa to anon;\n"),),
        EITHER,
        says=("grants.sql",),
    ),
    Case(
        "a grant to a role that is not there",
        (append("grants.sql", "grant select on public.documents to nobody_at_all;\n"),),
        REFUSED,
        says=("grants.sql:", "nobody_at_all"),
    ),
    Case(
        "the comment of a function is changed",
        (
            replace(
                "sql/comments.sql",
                "is 'The UUID that a text holds, or null.'",
                "is 'It''s 100 % :so, a\\b, $mivaa$.'",
            ),
        ),
        checks=(
            value(
                "obj_description('mivaa.uuid_or_null(text)'::regprocedure, 'pg_proc')",
                "It's 100 % :so, a\\b, $mivaa$.",
            ),
        ),
    ),
    Case(
        "the comment of a trigger is changed",
        (replace("sql/comments.sql", "'Said, 100 % :so.'", "'Said, 50 % :now.'"),),
        first=TITLED,
    ),
    Case(
        "the comment of a policy is changed",
        (replace("sql/comments.sql", "'Said, 100 % :so.'", "'Said, 50 % :now.'"),),
        first=POLICED,
    ),
    *(
        Case(
            f"the comment of a {what} is removed",
            (drop_statements("comments.sql", naming),),
            EITHER,
            first=first,
            says=(naming,),
        )
        for what, naming, first in (
            ("function", F, FIRST),
            ("trigger", f"{T} on public.documents", TITLED),
            ("policy", f"{P} on public.documents", POLICED),
        )
    ),
    Case(
        "a comment on what is not there",
        (append("comments.sql", "comment on function public.nowhere() is 'Nothing.';\n"),),
        REFUSED,
        says=("comments.sql:", "nowhere"),
    ),
    Case(
        "the storage of a column is set",
        (
            append(
                "storage.sql",
                "alter table public.documents alter column content set storage external;\n",
            ),
        ),
        checks=(
            value(
                "attstorage::text from pg_attribute where attrelid = 'public.documents'::regclass"
                " and attname = 'content'",
                "e",
            ),
        ),
    ),
    Case(
        "the storage of a column is set no more",
        (drop_statements("storage.sql", "public.documents alter column embedding_v2"),),
    ),
    Case(
        "an option of a table is set",
        (append("storage.sql", "alter table public.pdf_documents set (fillfactor = 90);\n"),),
        checks=(
            value(
                "reloptions::text from pg_class where oid = 'public.pdf_documents'::regclass",
                "{fillfactor=90}",
            ),
        ),
    ),
    Case(
        "an option of a table is changed",
        (
            replace(
                "sql/storage.sql",
                "public.documents set (autovacuum_analyze_scale_factor = 0.05)",
                "public.documents set (autovacuum_analyze_scale_factor = 0.1)",
            ),
        ),
    ),
    Case(
        "an option of a table is set no more",
        (drop_statements("storage.sql", "public.documents set (autovacuum"),),
    ),
]


def broken(name: str, *edits: Edit, says: str | tuple[str, ...]) -> Case:
    found = (says,) if isinstance(says, str) else says
    return Case(f"a file is refused by its name: {name}", edits, REFUSED, says=found)


BROKEN = [
    broken(
        "a function with an error of syntax",
        sql_file(
            f"functions/{F}.sql", f"create function {F}() retruns integer language sql as $$;"
        ),
        says=f"{F}.sql",
    ),
    broken(
        "a function whose body has an error",
        function(F, "select no_such_column from public.documents"),
        says=f"{F}.sql",
    ),
    broken(
        "a policy with an error of syntax",
        policy("for select usnig (true)"),
        says="documents.titled.sql",
    ),
    broken(
        "a policy on a column that is not there",
        policy("for select using (no_such_column)"),
        says="documents.titled.sql",
    ),
    broken(
        "a policy on a table that is not there",
        sql_file(
            "policies/nowhere.select.sql", "create policy p on public.nowhere using (true);\n"
        ),
        says=("nowhere.select.sql", "no model has the table public.nowhere"),
    ),
    broken(
        "a parameter of a table that is not there",
        (append("storage.sql", "alter table public.nowhere set (fillfactor = 90);\n")),
        says="no model has the table public.nowhere",
    ),
    broken(
        "a trigger whose function is not there",
        sql_file(
            "triggers/documents.titled.sql",
            f"create trigger {T} before update on public.documents\n"
            "for each row execute function mivaa.nowhere();\n",
        ),
        says="documents.titled.sql",
    ),
    broken(
        "two statements in a file",
        sql_file(
            "policies/documents.titled.sql",
            f"create policy {P} on public.documents for select using (true);\n"
            "create policy another on public.documents for select using (true);\n",
        ),
        says="documents.titled.sql",
    ),
    broken("an empty file", sql_file("policies/documents.titled.sql", ""), says="documents.titled"),
    broken(
        "a table in functions/",
        sql_file("functions/public.a_table.sql", "create table public.a_table (id integer);\n"),
        says="public.a_table.sql",
    ),
    broken(
        "a name without a schema",
        sql_file(
            "policies/documents.titled.sql",
            f"create policy {P} on documents for select using (true);\n",
        ),
        says=("documents.titled.sql", "with its schema: on public.documents"),
    ),
    broken(
        "two files with one policy",
        policy(READ),
        sql_file(
            "policies/documents.again.sql", f"create policy {P} on public.documents {READ};\n"
        ),
        says=P,
    ),
    broken(
        "a statement in grants.sql with an error of syntax",
        append("grants.sql", "grnat select on public.documents to authenticated;\n"),
        says="grants.sql:",
    ),
    broken(
        "a statement in storage.sql with an error of syntax",
        append("storage.sql", "alter table public.documents st (fillfactor = 90);\n"),
        says="storage.sql:",
    ),
]

CASES = [
    *FUNCTIONS,
    *(of_body(n, *body) for n, body in enumerate(BODIES.items())),
    *(of_changed_body(n, *body) for n, body in enumerate(BODIES.items())),
    *(of_arguments(n, k, *v) for n, (k, v) in enumerate(ARGUMENTS.items())),
    *(of_dropped_arguments(n, k, *v) for n, (k, v) in enumerate(ARGUMENTS.items())),
    *TRIGGERS,
    *POLICIES,
    *LISTS,
    *BROKEN,
]
