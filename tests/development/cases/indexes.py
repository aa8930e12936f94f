"""Indexes and constraints: new, changed and dropped."""

from __future__ import annotations

from development.cases.common import (
    NOTES,
    definition_of_constraint,
    definition_of_index,
    inserted,
)
from development.edits import after_class, argument, column, in_model, path_of
from development.path import DRAFTS, EITHER, REFUSED, Case, Check, together

CONCURRENTLY = (r"create\s+index\s+concurrently",)
UNIQUE = (r"create\s+unique\s+index\s+concurrently",)
KEY = (r"create\s+unique\s+index\s+concurrently", r"add\s+constraint[^;]*using\s+index")
VALIDATED = (r"add\s+constraint[^;]*not\s+valid", r"validate\s+constraint")

COLUMNS = (
    'title: Mapped[str | None] = mapped_column(comment="T.")',
    'content: Mapped[str | None] = mapped_column(comment="C.")',
    'user_id: Mapped[uuid.UUID | None] = mapped_column(comment="U.")',
    (
        'note_metadata: Mapped[Any] = mapped_column("metadata", pg.JSONB(), nullable=True,'
        ' comment="M.")'
    ),
    'vector: Mapped[Any] = mapped_column(pgv.VECTOR(3), nullable=True, comment="V.")',
)
NEW = (NOTES, *(column("notes", line) for line in COLUMNS))
"""A new table with the columns that the cases name, of which documents has the same."""

INDEXES = {
    "of a column": ('"title"', "(title)"),
    "of two columns": ('"title", "user_id"', "(title, user_id)"),
    "that includes a column": ('"user_id", postgresql_include=["title"]', "INCLUDE (title)"),
    "of an expression in text()": ('text("lower(title)")', "(lower(title))"),
    "of an expression with a percent sign": ("text(\"(title || '50%')\")", "'50%'::text"),
    "of an expression with a cast": ('text("(title::varchar(10))")', "character varying(10)"),
    "descending": ('text("created_at desc")', "(created_at DESC)"),
    "with nulls last": ('text("created_at desc nulls last")', "(created_at DESC NULLS LAST)"),
    "with a predicate": (
        '"user_id", postgresql_where=text("title is not null")',
        "WHERE (title IS NOT NULL)",
    ),
    "with a predicate with a percent sign": (
        '"user_id", postgresql_where=text("title like \'50%\'")',
        "~~ '50%'::text",
    ),
    "with a predicate with a colon": (
        '"user_id", postgresql_where=text(r"title = \'\\:a\'")',
        "':a'::text",
    ),
    "with a predicate with a quote": (
        "\"user_id\", postgresql_where=text(\"title = 'it''s'\")",
        "'it''s'::text",
    ),
    "with an operator class": (
        '"title", postgresql_ops={"title": "text_pattern_ops"}',
        "text_pattern_ops",
    ),
    "with a collation": ("text('title collate \"C\"')", 'COLLATE "C"'),
    "with storage parameters": ('"user_id", postgresql_with={"fillfactor": 70}', "fillfactor"),
    "gin": ('"metadata", postgresql_using="gin"', "USING gin (metadata)"),
    "gin with an operator class": (
        '"metadata", postgresql_using="gin", postgresql_ops={"metadata": "jsonb_path_ops"}',
        "jsonb_path_ops",
    ),
    "gist": ('text("to_tsvector(\'english\', title)"), postgresql_using="gist"', "USING gist"),
    "brin": ('"created_at", postgresql_using="brin"', "USING brin"),
    "hash": ('"title", postgresql_using="hash"', "USING hash"),
}
UNIQUE_INDEXES = {
    "unique": ('"id", "title", unique=True', "(id, title)"),
    "unique with nulls not distinct": (
        '"id", "title", unique=True, postgresql_nulls_not_distinct=True',
        "NULLS NOT DISTINCT",
    ),
    "unique with a predicate": (
        '"id", unique=True, postgresql_where=text("title is not null")',
        "WHERE",
    ),
    "unique that includes a column": (
        '"id", unique=True, postgresql_include=["title"]',
        "INCLUDE (title)",
    ),
}
VECTOR_INDEXES = {
    "hnsw": (
        (
            '"vector", postgresql_using="hnsw", postgresql_ops={"vector": "vector_l2_ops"},'
            ' postgresql_with={"m": 8, "ef_construction": 32}'
        ),
        "USING hnsw",
    ),
    "ivfflat": (
        (
            '"vector", postgresql_using="ivfflat", postgresql_ops={"vector": "vector_cosine_ops"},'
            ' postgresql_with={"lists": 1}'
        ),
        "USING ivfflat",
    ),
}


def new_index(number: int, label: str, line: str, fragment: str | None, table: str) -> Case:
    name = f"idx_{table}_{number}"
    edits = [argument(table, f'sa.Index("{name}", {line})')]
    place = "an old table"
    if table == "notes":
        edits, place = [*NEW, *edits], "a new table"
    elif '"vector"' in line:
        edits.insert(0, column(table, COLUMNS[-1]))
    kind = UNIQUE if "unique=True" in line else CONCURRENTLY
    return Case(
        f"an index {label} on {place}",
        tuple(edits),
        checks=(definition_of_index(name, fragment),) if fragment else (),
        script=kind if table == "documents" else (),
    )


EACH_INDEX = {**INDEXES, **UNIQUE_INDEXES, **VECTOR_INDEXES}
OLD_INDEXES = [new_index(n, k, *v, "documents") for n, (k, v) in enumerate(EACH_INDEX.items())]
NEW_INDEXES = [new_index(n, k, *v, "notes") for n, (k, v) in enumerate(EACH_INDEX.items())]

TITLED = 'sa.Index("idx_documents_title", "title"{})'


def changed_index(label: str, old: str, new: str, fragment: str) -> Case:
    """An index of an earlier revision is written otherwise."""
    written = 'sa.Index("idx_documents_changed", {})'.format
    return Case(
        f"an index is changed: {label}",
        (in_model("documents", written(old), written(new)),),
        first=(argument("documents", written(old)),),
        checks=(definition_of_index("idx_documents_changed", fragment),),
        script=(r"drop\s+index", r"create\s+(unique\s+)?index\s+concurrently"),
    )


CHANGED_INDEXES = [
    changed_index("its columns", '"title"', '"title", "user_id"', "(title, user_id)"),
    changed_index(
        "its predicate",
        '"title", postgresql_where=text("user_id is null")',
        '"title", postgresql_where=text("user_id is not null")',
        "IS NOT NULL",
    ),
    changed_index(
        "its storage parameters",
        '"title", postgresql_with={"fillfactor": 70}',
        '"title", postgresql_with={"fillfactor": 80}',
        "80",
    ),
    changed_index(
        "its operator class",
        '"title"',
        '"title", postgresql_ops={"title": "text_pattern_ops"}',
        "text_pattern_ops",
    ),
    changed_index("its uniqueness", '"id", "title"', '"id", "title", unique=True', "UNIQUE"),
    changed_index("its kind", '"title"', '"title", postgresql_using="hash"', "hash"),
    changed_index("its expression", 'text("lower(title)")', 'text("upper(title)")', "upper(title)"),
    changed_index("its order", 'text("created_at desc")', '"created_at"', "(created_at)"),
    changed_index("what it includes", '"id"', '"id", postgresql_include=["title"]', "INCLUDE"),
]

OTHER_INDEXES = [
    Case(
        "index=True of a new column",
        (
            column(
                "documents",
                "code: Mapped[str | None] = mapped_column(index=True, comment='C.')",
            ),
        ),
        checks=(
            Check(
                "select count(*) from pg_indexes where tablename = 'documents'"
                " and indexdef like '%(code)'",
                1,
            ),
        ),
        script=CONCURRENTLY,
    ),
    Case(
        "unique=True of a new column",
        (
            column(
                "documents",
                "code: Mapped[str | None] = mapped_column(unique=True, comment='C.')",
            ),
        ),
        checks=(definition_of_constraint("documents", "documents_code_key", "UNIQUE (code)"),),
        script=KEY,
    ),
    Case(
        "unique=True and index=True of a new column",
        (
            column(
                "documents",
                "code: Mapped[str | None] = mapped_column(unique=True, index=True, comment='C.')",
            ),
        ),
        script=UNIQUE,
    ),
    Case(
        "index=True of an old column",
        (
            in_model(
                "documents",
                'mapped_column(comment="Title.")',
                'mapped_column(index=True, comment="Title.")',
            ),
        ),
        script=CONCURRENTLY,
    ),
    Case(
        "an index of an expression of columns",
        (after_class("documents", 'sa.Index("idx_documents_lower", func.lower(Document.title))'),),
        checks=(definition_of_index("idx_documents_lower", "lower(title)"),),
        script=CONCURRENTLY,
    ),
    Case(
        "an index with predicate and order of expressions of columns",
        (
            after_class(
                "documents",
                'sa.Index("idx_documents_recent", Document.created_at.desc(),'
                " postgresql_where=Document.title.is_not(None))",
            ),
        ),
        checks=(definition_of_index("idx_documents_recent", "(created_at DESC) WHERE"),),
        script=CONCURRENTLY,
    ),
    Case(
        "an index whose name has capitals",
        (argument("documents", 'sa.Index("idxDocumentsTitle", "title")'),),
        checks=(definition_of_index('"idxDocumentsTitle"', "(title)"),),
        script=CONCURRENTLY,
    ),
    Case(
        "an index on an embedding column of the platform",
        (
            argument(
                "documents",
                'sa.Index("idx_documents_l2", "embedding_v2", postgresql_using="hnsw",'
                ' postgresql_ops={"embedding_v2": "vector_l2_ops"})',
            ),
        ),
        script=CONCURRENTLY,
    ),
    Case(
        "an index of the first revisions is dropped",
        (
            in_model(
                "pdf_documents", '        Index("idx_pdf_documents_user_id", "user_id"),\n', ""
            ),
        ),
    ),
    Case(
        "an index of an earlier revision is dropped",
        (in_model("documents", f"        {TITLED.format('')},\n", ""),),
        first=(argument("documents", TITLED.format("")),),
    ),
    Case(
        "an index of the first revisions is changed",
        (
            in_model(
                "pdf_documents",
                'Index("idx_pdf_documents_user_id", "user_id")',
                'Index("idx_pdf_documents_user_id", "user_id", "status")',
            ),
        ),
        script=CONCURRENTLY,
    ),
]

CONSTRAINTS = {
    "a unique constraint": (
        'sa.UniqueConstraint("id", "title", name="{t}_one_key")',
        "UNIQUE (id, title)",
        KEY,
        DRAFTS,
    ),
    "a unique constraint without a name": (
        'sa.UniqueConstraint("id", "title")',
        "UNIQUE (id, title)",
        KEY,
        DRAFTS,
    ),
    "a deferrable unique constraint": (
        (
            'sa.UniqueConstraint("id", "title", name="{t}_one_key", deferrable=True,'
            ' initially="DEFERRED")'
        ),
        "DEFERRABLE INITIALLY DEFERRED",
        KEY,
        DRAFTS,
    ),
    "a unique constraint with nulls not distinct": (
        (
            'sa.UniqueConstraint("id", "title", name="{t}_one_key",'
            " postgresql_nulls_not_distinct=True)"
        ),
        "NULLS NOT DISTINCT",
        KEY,
        DRAFTS,
    ),
    "a unique constraint that includes a column": (
        'sa.UniqueConstraint("id", name="{t}_one_key", postgresql_include=["title"])',
        "INCLUDE (title)",
        KEY,
        DRAFTS,
    ),
    "a check": (
        'sa.CheckConstraint("length(title) < 1000", name="short")',
        "< 1000",
        VALIDATED,
        DRAFTS,
    ),
    "a check with a percent sign": (
        'sa.CheckConstraint("title not like \'50%\'", name="short")',
        "'50%'::text",
        VALIDATED,
        DRAFTS,
    ),
    "a check with a remainder": (
        'sa.CheckConstraint("length(title) % 1 = 0", name="short")',
        "% 1)",
        VALIDATED,
        DRAFTS,
    ),
    "a check with a colon": (
        'sa.CheckConstraint(r"title <> \'\\:a\'", name="short")',
        "':a'::text",
        VALIDATED,
        DRAFTS,
    ),
    "a check with quotes and a dollar tag": (
        "sa.CheckConstraint(\"title <> 'it''s $mivaa$ $$'\", name=\"short\")",
        "'it''s $mivaa$ $$'",
        VALIDATED,
        DRAFTS,
    ),
    "a check with a backslash": (
        'sa.CheckConstraint(r"title !~ \'^\\d+$\'", name="short")',
        "'^\\d+$'",
        VALIDATED,
        DRAFTS,
    ),
    "a check without a name": (
        'sa.CheckConstraint("length(title) < 1000")',
        None,
        (),
        EITHER,
    ),
    "a foreign key": (
        (
            'sa.ForeignKeyConstraint(["user_id"], ["auth.users.id"], name="{t}_reader_fkey",'
            ' ondelete="CASCADE", onupdate="CASCADE")'
        ),
        "ON UPDATE CASCADE ON DELETE CASCADE",
        VALIDATED,
        DRAFTS,
    ),
    "a deferrable foreign key": (
        (
            'sa.ForeignKeyConstraint(["user_id"], ["auth.users.id"], name="{t}_reader_fkey",'
            ' ondelete="SET NULL", deferrable=True, initially="DEFERRED")'
        ),
        "ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED",
        VALIDATED,
        DRAFTS,
    ),
    "an exclusion constraint": (
        (
            'pg.ExcludeConstraint((sa.literal_column("title"), "="), name="{t}_title_excl",'
            ' using="hash")'
        ),
        "EXCLUDE USING hash",
        (),
        EITHER,
    ),
}
NAMES = {"{t}_one_key", "{t}_reader_fkey", "{t}_title_excl"}


def new_constraint(
    label: str, line: str, fragment: str | None, script: tuple[str, ...], expect: str, table: str
) -> Case:
    name = next((n for n in NAMES if n in line), "{t}_short_check").format(t=table)
    if "without a name" in label:
        name = f"{table}_id_title_key"
    edits = (argument(table, line.format(t=table)),)
    old = table == "documents"
    return Case(
        f"{label} on {'an old' if old else 'a new'} table",
        edits if old else (*NEW, *edits),
        expect,
        says=(name if "without" not in label else path_of(table),) if expect == EITHER else (),
        checks=(definition_of_constraint(table, name, fragment),) if fragment else (),
        script=script if old else (),
    )


NEW_CONSTRAINTS = [
    new_constraint(label, *facts, table)
    for label, facts in CONSTRAINTS.items()
    for table in ("documents", "notes")
]


def changed_constraint(
    label: str, old: str, new: str, name: str, fragment: str, script: tuple[str, ...] = VALIDATED
) -> Case:
    return Case(
        f"a constraint is changed: {label}",
        (in_model("documents", old, new),),
        first=(argument("documents", old),),
        checks=(definition_of_constraint("documents", name, fragment),),
        script=script,
    )


SHORT = 'sa.CheckConstraint("length(title) < {}", name="short")'
READER = 'sa.ForeignKeyConstraint(["user_id"], ["auth.users.id"], name="documents_reader_fkey"{})'
ONE = 'sa.UniqueConstraint("id"{}, name="documents_one_key")'
CHANGED_CONSTRAINTS = [
    changed_constraint(
        "the condition of a check",
        SHORT.format(1000),
        SHORT.format(2000),
        "documents_short_check",
        "< 2000",
    ),
    changed_constraint(
        "what a foreign key does on delete",
        READER.format(', ondelete="SET NULL"'),
        READER.format(', ondelete="CASCADE"'),
        "documents_reader_fkey",
        "ON DELETE CASCADE",
    ),
    changed_constraint(
        "a foreign key becomes deferrable",
        READER.format(""),
        READER.format(', deferrable=True, initially="DEFERRED"'),
        "documents_reader_fkey",
        "DEFERRABLE",
        (),
    ),
    changed_constraint(
        "the columns of a unique constraint",
        ONE.format(""),
        ONE.format(', "title"'),
        "documents_one_key",
        "(id, title)",
        KEY,
    ),
    Case(
        "the values of a status are more",
        (in_model("documents", '("draft", "active"', '("draft", "50%", "active"'),),
        checks=(definition_of_constraint("documents", "documents_status_check", "'50%'"),),
        script=VALIDATED,
    ),
    Case(
        "what a foreign key of the first revision does on delete",
        (
            in_model(
                "documents", "        user_key(),\n", '        user_key(ondelete="CASCADE"),\n'
            ),
        ),
        script=VALIDATED,
        checks=(
            definition_of_constraint("documents", "documents_user_id_fkey", "ON DELETE CASCADE"),
        ),
    ),
    *(
        Case(
            f"{label} is dropped",
            (in_model("documents", f"        {line},\n", ""),),
            first=(argument("documents", line),),
        )
        for label, line in {
            "a check": SHORT.format(1000),
            "a foreign key": READER.format(""),
            "a unique constraint": ONE.format(""),
        }.items()
    ),
    Case(
        "a check of the first revisions is dropped",
        (
            in_model(
                "documents",
                '        CheckConstraint(one_of("status", DOCUMENT_STATUSES), name="status"),\n',
                "",
            ),
        ),
    ),
    Case(
        "a foreign key of the first revisions is dropped",
        (in_model("documents", "        user_key(),\n", ""),),
    ),
    Case(
        "a foreign key by ForeignKey of a new column",
        (
            column(
                "documents",
                "parent: Mapped[uuid.UUID | None] = mapped_column("
                "sa.ForeignKey('documents.id', ondelete='SET NULL'), comment='P.')",
            ),
        ),
        script=VALIDATED,
    ),
    Case(
        "a check that rows break is refused by the database, and nothing is half done",
        (argument("documents", 'sa.CheckConstraint("title = \'none\'", name="broken")'),),
        EITHER,
        says=("broken",),
        on="empty",
    ),
    Case(
        "two constraints of one name",
        (
            argument("documents", SHORT.format(1000)),
            argument("documents", SHORT.format(2000)),
        ),
        REFUSED,
        says=("documents_short_check",),
    ),
]

ON_NEW_TABLES = [
    Case(
        "index=True and unique=True on a new table",
        (
            NOTES,
            column("notes", "code: Mapped[str] = mapped_column(index=True, comment='C.')"),
            column("notes", "slug: Mapped[str] = mapped_column(unique=True, comment='S.')"),
        ),
        checks=(
            inserted("notes", "slug", "b", "code, slug = 'a', 'b'"),
            definition_of_constraint("notes", "notes_slug_key", "UNIQUE (slug)"),
        ),
    ),
    Case(
        "a table that points at itself",
        (
            NOTES,
            column(
                "notes",
                "answers: Mapped[uuid.UUID | None] = mapped_column("
                "sa.ForeignKey('notes.id', ondelete='SET NULL'), comment='A.')",
            ),
        ),
        checks=(
            Check(
                "select count(*) from pg_constraint where conrelid = 'public.notes'::regclass"
                " and confrelid = conrelid",
                1,
            ),
        ),
    ),
]

TOGETHER = [
    together(
        "indexes of every kind",
        *[case for case in OLD_INDEXES if case.name.partition(" on ")[0][9:] not in VECTOR_INDEXES],
        *NEW_INDEXES,
        script=CONCURRENTLY,
    ),
]

CASES = [
    *TOGETHER,
    *OLD_INDEXES,
    *NEW_INDEXES,
    *CHANGED_INDEXES,
    *OTHER_INDEXES,
    *NEW_CONSTRAINTS,
    *CHANGED_CONSTRAINTS,
    *ON_NEW_TABLES,
]
