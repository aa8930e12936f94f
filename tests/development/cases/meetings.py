"""Edits that meet: one object needs another that is new, gone or called otherwise."""

from __future__ import annotations

from development.cases.common import (
    NOTES,
    comment_is,
    definition_of_constraint,
    definition_of_index,
    inserted,
)
from development.edits import (
    Edit,
    append,
    argument,
    column,
    delete,
    delete_table,
    drop_statements,
    function,
    in_model,
    new_table,
    replace,
    sql_file,
)
from development.path import EITHER, REFUSED, Case, Check

EVEN = function(
    "public.is_even",
    "select n % 2 = 0",
    arguments="n integer",
    returns="boolean",
    properties="immutable",
)
EVEN_SAID = append("comments.sql", "comment on function public.is_even(integer) is 'Even.';\n")
SIZE = column("documents", "size: Mapped[int | None] = mapped_column(comment='S.')")
READER = 'sa.ForeignKeyConstraint(["user_id"], ["auth.users.id"], name="{}", ondelete="CASCADE")'
RECENT = "sa.CheckConstraint(\"created_at > '{}-01-01'\", name=sa.sql.elements.conv('recent'))"
POLICY = (
    "create policy documents_even on public.documents as restrictive for select to authenticated\n"
    "using (public.{}(1));\n"
)


def renamed(label: str, line: str, check: Check, *before: Edit) -> Case:
    """The name of an index or constraint is another."""
    return Case(
        f"{label} is renamed",
        (in_model("documents", line.format("old_name"), line.format("new_name")),),
        first=(*before, argument("documents", line.format("old_name"))),
        checks=(check,),
    )


RENAMED = [
    renamed(
        "a foreign key",
        READER.replace("user_id", "reader"),
        definition_of_constraint("documents", "new_name", "auth.users"),
        column("documents", "reader: Mapped[uuid.UUID | None] = mapped_column(comment='R.')"),
    ),
    renamed(
        "a check",
        'sa.CheckConstraint("length(title) < 1000", name="{}")',
        definition_of_constraint("documents", "documents_new_name_check", "< 1000"),
    ),
    renamed(
        "a unique constraint",
        'sa.UniqueConstraint("id", "title", name="{}")',
        definition_of_constraint("documents", "new_name", "UNIQUE"),
    ),
    renamed("an index", 'sa.Index("{}", "title")', definition_of_index("new_name", "(title)")),
]

FUNCTIONS = [
    Case(
        "a check that calls a new function",
        (
            SIZE,
            EVEN,
            EVEN_SAID,
            argument("documents", 'sa.CheckConstraint("public.is_even(size)", name="even")'),
        ),
        checks=(definition_of_constraint("documents", "documents_even_check", "is_even(size)"),),
    ),
    Case(
        "an index that calls a new function",
        (
            SIZE,
            EVEN,
            EVEN_SAID,
            argument("documents", 'sa.Index("idx_documents_even", text("public.is_even(size)"))'),
        ),
        checks=(definition_of_index("idx_documents_even", "is_even(size)"),),
    ),
    Case(
        "a default that calls a new function",
        (
            EVEN,
            EVEN_SAID,
            column(
                "documents",
                "even: Mapped[bool] = mapped_column("
                "server_default=text('public.is_even(2)'), comment='E.')",
            ),
        ),
        EITHER,
        says=("even", "does not exist"),
    ),
    Case(
        "a trigger is changed to call a new function",
        (
            function(
                "public.touch",
                "begin return new; end",
                returns="trigger",
                language="plpgsql",
                properties="volatile",
            ),
            append("comments.sql", "comment on function public.touch() is 'Touches.';\n"),
            replace(
                "sql/triggers/documents.updated_at.sql", "mivaa.touch_updated_at", "public.touch"
            ),
        ),
    ),
    Case(
        "a function that a policy calls is renamed",
        (
            delete("sql/functions/public.is_even.sql"),
            drop_statements("comments.sql", "public.is_even"),
            function(
                "public.has_half",
                "select n % 2 = 0",
                arguments="n integer",
                returns="boolean",
                properties="immutable",
            ),
            sql_file("policies/documents.even.sql", POLICY.format("has_half")),
        ),
        first=(EVEN, EVEN_SAID, sql_file("policies/documents.even.sql", POLICY.format("is_even"))),
    ),
    Case(
        "a function that a policy still calls is not dropped",
        (
            delete("sql/functions/public.is_even.sql"),
            drop_statements("comments.sql", "public.is_even"),
        ),
        REFUSED,
        first=(EVEN, EVEN_SAID, sql_file("policies/documents.even.sql", POLICY.format("is_even"))),
        says=("documents.even.sql", "public.is_even"),
    ),
    Case(
        "a function that a policy calls returns something else",
        (
            replace("sql/functions/public.is_even.sql", "(n integer)", "(number integer)"),
            replace("sql/functions/public.is_even.sql", "select n %", "select number %"),
        ),
        first=(
            EVEN,
            EVEN_SAID,
            sql_file("policies/documents.even.sql", POLICY.format("is_even")),
            append("comments.sql", "comment on policy documents_even on public.documents is 'E.';"),
            append("grants.sql", "grant execute on function public.is_even(integer) to anon;\n"),
        ),
        checks=(
            Check(
                "select has_function_privilege('anon', 'public.is_even(integer)', 'execute')", True
            ),
            Check("select count(*) from pg_description where description = 'E.'", 1),
        ),
    ),
    Case(
        "a function that a check calls gets another argument",
        (replace("sql/functions/public.is_even.sql", "(n integer)", "(n integer, m integer)"),),
        REFUSED,
        first=(
            SIZE,
            EVEN,
            argument("documents", 'sa.CheckConstraint("public.is_even(size)", name="even")'),
        ),
        says=("public.is_even", "documents_even_check"),
    ),
    Case(
        "a column that a trigger uses is dropped",
        (
            in_model(
                "documents",
                '    content: Mapped[str | None] = mapped_column(comment="Full text.")\n',
                "",
            ),
        ),
        REFUSED,
        says=("public.documents.content", "trigger"),
    ),
    Case(
        "a grant on a function with other arguments than it has",
        (EVEN, append("grants.sql", "grant execute on function public.is_even(text) to anon;\n")),
        REFUSED,
        says=("grants.sql:", "is_even"),
    ),
    Case(
        "a function that replaces is not in its place in a file",
        (
            sql_file(
                "functions/public.is_even.sql",
                "create or replace function public.is_even() returns integer language sql\n"
                "as $function$ select 1 $function$;\n",
            ),
        ),
        REFUSED,
        says=("public.is_even.sql", "begins with"),
    ),
    Case(
        "a function in capitals",
        (
            sql_file(
                "functions/public.is_even.sql",
                "CREATE FUNCTION public.is_even() returns integer language sql\n"
                "as $function$ select 1 $function$;\n",
            ),
        ),
        REFUSED,
        says=("public.is_even.sql", "begins with"),
    ),
]

TABLES = [
    Case(
        "a foreign key to a new unique constraint",
        (
            column(
                "documents", "code: Mapped[str | None] = mapped_column(unique=True, comment='C.')"
            ),
            NOTES,
            column(
                "notes",
                "code: Mapped[str | None] = mapped_column("
                "sa.ForeignKey('documents.code'), comment='C.')",
            ),
            column(
                "pdf_documents",
                "code: Mapped[str | None] = mapped_column("
                "sa.ForeignKey('documents.code'), comment='C.')",
            ),
        ),
        checks=(definition_of_constraint("notes", "notes_code_fkey", "documents(code)"),),
    ),
    Case(
        "a foreign key to a column that is not unique",
        (
            NOTES,
            column(
                "notes",
                "title: Mapped[str | None] = mapped_column("
                "sa.ForeignKey('documents.title'), comment='T.')",
            ),
        ),
        REFUSED,
        says=("notes_title_fkey", "unique"),
    ),
    Case(
        "a foreign key to a table that is not there",
        (
            column(
                "documents",
                "shelf: Mapped[uuid.UUID | None] = mapped_column("
                "sa.ForeignKey('shelves.id'), comment='S.')",
            ),
        ),
        REFUSED,
        says=("documents", "shelves"),
    ),
    Case(
        "two tables that point at each other without use_alter",
        (
            new_table("questions", options='"comment": "Questions."'),
            new_table("answers", options='"comment": "Answers."'),
            column(
                "questions",
                "best: Mapped[uuid.UUID | None] = mapped_column("
                "sa.ForeignKey('answers.id'), comment='B.')",
            ),
            column(
                "answers",
                "question: Mapped[uuid.UUID] = mapped_column("
                "sa.ForeignKey('questions.id'), comment='Q.')",
            ),
        ),
    ),
    Case(
        "tables that point at each other are dropped with what is on them",
        (
            delete_table("questions"),
            delete_table("answers"),
            drop_statements("storage.sql", "public.answers"),
        ),
        first=(
            new_table("questions", options='"comment": "Questions."'),
            new_table("answers", options='"comment": "Answers."'),
            column("answers", "body: Mapped[str | None] = mapped_column(comment='B.')"),
            column(
                "questions",
                "best: Mapped[uuid.UUID | None] = mapped_column("
                "sa.ForeignKey('answers.id'), comment='B.')",
            ),
            column(
                "answers",
                "question: Mapped[uuid.UUID] = mapped_column("
                "sa.ForeignKey('questions.id'), index=True, comment='Q.')",
            ),
            append(
                "storage.sql",
                "alter table public.answers set (fillfactor = 90);\n"
                "alter table public.answers alter column body set storage external;\n",
            ),
        ),
    ),
    Case(
        "one constraint name on two tables",
        (
            argument(
                "documents",
                RECENT.format(1990),
            ),
            NOTES,
            argument(
                "notes",
                RECENT.format(1991),
            ),
        ),
        checks=(
            definition_of_constraint("documents", "recent", "1990"),
            definition_of_constraint("notes", "recent", "1991"),
        ),
    ),
]

COLUMNS = [
    Case(
        "a column that is called otherwise in Python",
        (
            column("documents", "kind_: Mapped[str | None] = mapped_column('kind', comment='K.')"),
            argument("documents", 'sa.Index("idx_documents_kind", "kind")'),
            argument("documents", 'sa.UniqueConstraint("id", "kind", name="documents_kind_key")'),
            argument("documents", 'sa.CheckConstraint("kind <> \'\'", name="kind")'),
        ),
        checks=(
            comment_is("documents.kind", "K."),
            definition_of_index("idx_documents_kind", "(kind)"),
        ),
    ),
    Case(
        "a column of a mixin",
        (
            replace(
                "models/base.py",
                "    workspace_id: Mapped[uuid.UUID] = mapped_column(\n",
                "    region: Mapped[str] = mapped_column("
                "server_default='eu', sort_order=200, comment='R.')\n"
                "    workspace_id: Mapped[uuid.UUID] = mapped_column(\n",
            ),
        ),
        checks=(comment_is("documents.region", "R."), inserted("documents", "region", "eu")),
    ),
    Case(
        "a column whose name is a reserved word, in every place",
        (
            column(
                "documents",
                "user: Mapped[uuid.UUID | None] = mapped_column("
                "sa.ForeignKey('auth.users.id', ondelete='CASCADE'), index=True, comment='U.')",
            ),
            column(
                "documents", "order: Mapped[int | None] = mapped_column(unique=True, comment='O.')"
            ),
            argument("documents", 'sa.CheckConstraint(\'"order" > 0\', name="order")'),
            append(
                "storage.sql",
                'alter table public.documents alter column "user" set storage plain;\n',
            ),
            sql_file(
                "policies/documents.order.sql",
                'create policy "select" on public.documents for select using ("order" > 0);\n',
            ),
            append("comments.sql", "comment on policy \"select\" on public.documents is 'O.';\n"),
        ),
    ),
    Case(
        "a table whose name is a reserved word, with policy, trigger and grant",
        (
            new_table("order", options='"comment": "Orders."'),
            column("order", "group: Mapped[str | None] = mapped_column(comment='G.')"),
            sql_file(
                "policies/order.select.sql",
                'create policy order_select on public."order" for select\n'
                'using ("group" is null);\n',
            ),
            sql_file(
                "triggers/order.updated_at.sql",
                'create trigger zz_mivaa_updated_at before update on public."order"\n'
                "for each row execute function mivaa.touch_updated_at();\n",
            ),
            append("grants.sql", 'grant select on public."order" to authenticated;\n'),
            append(
                "comments.sql",
                "comment on policy order_select on public.\"order\" is 'P.';\n"
                "comment on trigger zz_mivaa_updated_at on public.\"order\" is 'T.';\n",
            ),
        ),
    ),
    Case(
        "an Enum that is text of its length",
        (
            column(
                "documents",
                "color: Mapped[Any] = mapped_column("
                "sa.Enum('red', 'green', native_enum=False), nullable=True, comment='C.')",
            ),
        ),
        checks=(inserted("documents", "color", "red", "color = 'red'"),),
    ),
    Case(
        "a sequence",
        (
            column(
                "documents",
                "number: Mapped[int | None] = mapped_column("
                "sa.Sequence('numbers'), nullable=True, comment='N.')",
            ),
        ),
        EITHER,
        says=("number", "sequence"),
    ),
    Case(
        "a NOT NULL column without a default is dropped",
        (
            in_model(
                "documents",
                "    status: Mapped[str] = mapped_column(\n"
                '        server_default="active",\n'
                '        comment="draft, active, published, archived or deleted;'
                ' search finds active and published.",\n'
                "    )\n",
                "",
            ),
            in_model(
                "documents",
                '        CheckConstraint(one_of("status", DOCUMENT_STATUSES), name="status"),\n',
                "",
            ),
        ),
        EITHER,
        moves=True,
    ),
    Case(
        "a check whose colon would be a parameter",
        (argument("documents", 'sa.CheckConstraint("title <> \':a\' or :b", name="colon")'),),
        REFUSED,
        says=("documents_colon_check", "colon"),
    ),
    Case(
        "a name that is longer than PostgreSQL's names",
        (argument("documents", f'sa.Index("idx_{"a" * 70}", "title")'),),
        REFUSED,
        says=("aaaa",),
    ),
    Case(
        "a trigger is moved to another table",
        (
            delete("sql/triggers/documents.moved.sql"),
            sql_file(
                "triggers/pdf_documents.moved.sql",
                "create trigger zz_mivaa_moved before update on public.pdf_documents\n"
                "for each row execute function mivaa.touch_updated_at();\n",
            ),
            replace(
                "sql/comments.sql",
                "zz_mivaa_moved on public.documents",
                "zz_mivaa_moved on public.pdf_documents",
            ),
        ),
        first=(
            sql_file(
                "triggers/documents.moved.sql",
                "create trigger zz_mivaa_moved before update on public.documents\n"
                "for each row execute function mivaa.touch_updated_at();\n",
            ),
            append(
                "comments.sql", "comment on trigger zz_mivaa_moved on public.documents is 'M.';\n"
            ),
        ),
    ),
]

CASES = [*RENAMED, *FUNCTIONS, *TABLES, *COLUMNS]
