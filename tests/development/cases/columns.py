"""Columns: types, defaults, comments, null and not null, names."""

from __future__ import annotations

from development.cases.common import (
    NOTES,
    comment_is,
    definition_of_index,
    inserted,
    quote,
)
from development.edits import (
    argument,
    before_class,
    column,
    in_model,
    replace,
)
from development.path import DRAFTS, EITHER, EMPTY, REFUSED, Case, Check, together

TYPES = {
    "Boolean": "sa.Boolean()",
    "SmallInteger": "sa.SmallInteger()",
    "Integer": "sa.Integer()",
    "BigInteger": "sa.BigInteger()",
    "Float": "sa.Float()",
    "Double": "sa.Double()",
    "REAL": "sa.REAL()",
    "Numeric": "sa.Numeric()",
    "Numeric(10, 2)": "sa.Numeric(10, 2)",
    "Date": "sa.Date()",
    "Time": "sa.Time()",
    "Time with time zone": "sa.Time(timezone=True)",
    "DateTime": "sa.DateTime()",
    "DateTime with time zone": "sa.DateTime(timezone=True)",
    "TIMESTAMP of precision 3": "pg.TIMESTAMP(timezone=True, precision=3)",
    "Interval": "sa.Interval()",
    "INTERVAL of fields": "pg.INTERVAL(fields='DAY TO SECOND', precision=3)",
    "String": "sa.String()",
    "String(200)": "sa.String(200)",
    "CHAR(3)": "sa.CHAR(3)",
    "Text": "sa.Text()",
    "String with a collation": "sa.String(collation='C')",
    "LargeBinary": "sa.LargeBinary()",
    "BYTEA": "pg.BYTEA()",
    "Uuid": "sa.Uuid()",
    "JSON": "sa.JSON()",
    "JSONB": "pg.JSONB()",
    "ARRAY(Text)": "sa.ARRAY(sa.Text())",
    "ARRAY of two dimensions": "pg.ARRAY(sa.Integer(), dimensions=2)",
    "TSVECTOR": "pg.TSVECTOR()",
    "INET": "pg.INET()",
    "CIDR": "pg.CIDR()",
    "MACADDR": "pg.MACADDR()",
    "BIT(8)": "pg.BIT(8)",
    "BIT VARYING": "pg.BIT(64, varying=True)",
    "MONEY": "pg.MONEY()",
    "OID": "pg.OID()",
    "INT4RANGE": "pg.INT4RANGE()",
    "TSTZRANGE": "pg.TSTZRANGE()",
    "NUMMULTIRANGE": "pg.NUMMULTIRANGE()",
    "VECTOR(3)": "pgv.VECTOR(3)",
    "VECTOR": "pgv.VECTOR()",
    "HALFVEC(768)": "pgv.HALFVEC(768)",
    "SPARSEVEC(10)": "pgv.SPARSEVEC(10)",
    "BIT vector": "pgv.BIT(768)",
    "variant": "sa.JSON().with_variant(pg.JSONB(), 'postgresql')",
}
ODD_TYPES = {
    "HSTORE": "pg.HSTORE()",
    "native Enum": "sa.Enum('red', 'green', name='color')",
    "DOMAIN": "pg.DOMAIN('color', sa.Text(), check=\"value <> ''\")",
}
"""What needs an extension or a type of its own: either works, or is refused by name."""


def attribute(label: str) -> str:
    return "kind_" + "".join(c if c.isalnum() else "_" for c in label.lower()).strip("_")


def of_type(table: str, label: str, type_: str, **others: object) -> Case:
    name = attribute(label)
    line = f'{name}: Mapped[Any] = mapped_column({type_}, nullable=True, comment="A {label}.")'
    edits = (column(table, line),) if table != "notes" else (NOTES, column(table, line))
    place = "a new table" if table == "notes" else "an old table"
    return Case(f"a {label} column on {place}", edits, **others)  # type: ignore[arg-type]


OLD_TYPES = [of_type("documents", label, type_) for label, type_ in TYPES.items()]
NEW_TYPES = [of_type("notes", label, type_) for label, type_ in TYPES.items()]

WRITTEN = {
    "bool": ("flag: Mapped[bool | None]", "boolean"),
    "float": ("score: Mapped[float | None]", "double precision"),
    "int": ("words: Mapped[int | None]", "integer"),
    "Decimal": ("price: Mapped[decimal.Decimal | None]", "numeric"),
    "date": ("due: Mapped[datetime.date | None]", "date"),
    "time": ("daily: Mapped[datetime.time | None]", "time without time zone"),
    "timedelta": ("lasts: Mapped[datetime.timedelta | None]", "interval"),
    "bytes": ("raw: Mapped[bytes | None]", "bytea"),
    "str": ("language: Mapped[str | None]", "text"),
    "datetime": ("seen_at: Mapped[datetime.datetime | None]", "timestamp with time zone"),
}


def written(label: str, line: str, type_: str) -> Case:
    name = line.partition(":")[0]
    asked = (
        "select format_type(atttypid, atttypmod) from pg_attribute"
        f" where attrelid = 'public.documents'::regclass and attname = '{name}'"
    )
    return Case(
        f"an annotation of {label} alone says the type",
        (column("documents", f'{line} = mapped_column(comment="A {label}.")'),),
        checks=(Check(asked, type_),),
    )


ANNOTATIONS = [written(label, *line) for label, line in WRITTEN.items()]

TEXTS = {
    "a percent sign": "50%",
    "two percent signs": "%%",
    "a format of Python": "%(name)s %s",
    "an apostrophe": "it's",
    "a colon": ":a",
    "two colons": "a::b",
    "one backslash": "a\\b",
    "two backslashes": "a\\\\b",
    "the dollar tag of the scripts": "$mivaa$",
    "an empty dollar tag": "$$",
    "the dollar tag of functions": "$function$ $rollback$",
    "nothing": "",
    "a line break": "a\nb",
    "a semicolon": "a; b",
    "braces": "{a} {0}",
    "two dashes": "a -- b",
    "letters of other scripts": "Übergröße, 漢字, 🙂",
    "a double quote": 'say "so"',
}


def of_text(number: int, label: str, value: str) -> Case:
    name = f"text_{number}"
    line = (
        f"{name}: Mapped[str] = mapped_column("
        f'sa.Text(), server_default={value!r}, comment="Has {label}.")'
    )
    return Case(
        f"a default with {label} is stored as written",
        (column("documents", line), NOTES, column("notes", line)),
        checks=(
            inserted("documents", name, value),
            inserted("notes", name, value),
            Check(
                f"select count(*) from public.documents where {name} is distinct from"
                f" {quote(value)}",
                0,
            ),
        ),
    )


TEXT_DEFAULTS = [of_text(n, *text) for n, text in enumerate(TEXTS.items())]

DEFAULTS = {
    "a number": ("sa.Integer()", 'server_default="7"', "7"),
    "text of a number": ("sa.Integer()", "server_default=text('7')", "7"),
    "a negative number": ("sa.Integer()", "server_default=text('-7')", "-7"),
    "a fraction": ("sa.Numeric(10, 2)", "server_default=text('0.5')", "0.50"),
    "false": ("sa.Boolean()", "server_default=sa.false()", "false"),
    "text of false": ("sa.Boolean()", "server_default=text('false')", "false"),
    "an empty object": ("pg.JSONB()", "server_default=text(\"'{}'::jsonb\")", "{}"),
    "an empty array": ("pg.ARRAY(sa.Text())", 'server_default=text("ARRAY[]::text[]")', "{}"),
    "an expression": ("sa.Integer()", "server_default=sa.literal(2) + sa.literal(3)", "5"),
    "a cast": (
        "sa.Date()",
        "server_default=sa.cast(datetime.date(2024, 1, 2), sa.Date())",
        "2024-01-02",
    ),
    "a percent sign in text()": ("sa.Text()", "server_default=text(\"'50%'\")", "50%"),
    "a colon in text()": ("sa.Text()", "server_default=text(r\"'\\:a'\")", ":a"),
    "a function with a percent sign": (
        "sa.Text()",
        "server_default=func.concat('50%', ' of it')",
        "50% of it",
    ),
    "a remainder": ("sa.Integer()", "server_default=text('7 % 4')", "3"),
}


def of_default(number: int, label: str, type_: str, default: str, answer: str) -> Case:
    name = f"default_{number}"
    line = f'{name}: Mapped[Any] = mapped_column({type_}, {default}, nullable=False, comment="D.")'
    return Case(
        f"a default that is {label} is stored as written",
        (column("documents", line), NOTES, column("notes", line)),
        checks=(
            inserted("documents", f"{name}::text", answer),
            inserted("notes", f"{name}::text", answer),
            Check(f"select count(*) from public.documents where {name} is null", 0),
        ),
    )


OTHER_DEFAULTS = [of_default(n, k, *v) for n, (k, v) in enumerate(DEFAULTS.items())]

COMMENTS = {
    "a percent sign": "100 % of it, %s, %(a)s",
    "quotes": 'it\'s "so"',
    "a colon": "so :so and a::b",
    "a line break": "One line,\nand another.",
    "dollar tags": "$mivaa$ $$ $rollback$ $function$",
    "a backslash": "a\\b",
    "a semicolon and two dashes": "a; b -- c",
    "braces": "{a}",
    "more than a line": "word " * 60 + "end.",
}


def of_comment(number: int, label: str, value: str) -> Case:
    line = f"comment_{number}: Mapped[str | None] = mapped_column(comment={value!r})"
    return Case(
        f"a comment with {label} is stored as written",
        (column("documents", line), NOTES, column("notes", line)),
        checks=tuple(comment_is(f"{t}.comment_{number}", value) for t in ("documents", "notes")),
    )


NEW_COMMENTS = [of_comment(n, *comment) for n, comment in enumerate(COMMENTS.items())]
CHANGED_COMMENTS = [
    Case(
        f"a comment is changed to one with {label}",
        (in_model("documents", 'comment="Title."', f"comment={value!r}"),),
        checks=(comment_is("documents.title", value),),
    )
    for label, value in COMMENTS.items()
]

WORD = "size: Mapped[int | None] = mapped_column(comment='Size.')"
"""A column of a revision before, for what changes it."""

FIRST = (column("documents", WORD),)


def changed(name: str, new: str, expect: str = DRAFTS, old: str = WORD, **others: object) -> Case:
    """A column of an old table that an earlier revision added is written otherwise."""
    return Case(
        name,
        (in_model("documents", f"    {old}\n", f"    {new}\n"),),
        expect,
        first=(column("documents", old),),
        **others,  # type: ignore[arg-type]
    )


def varchar(length: str, null: str = " | None", default: str = "") -> str:
    return f"label: Mapped[str{null}] = mapped_column(sa.String({length}), {default}comment='L.')"


CHANGES = [
    changed(
        "a default is added later",
        "size: Mapped[int | None] = mapped_column(server_default='3', comment='Size.')",
        checks=(inserted("documents", "size", 3),),
    ),
    changed(
        "a default is changed later",
        varchar("9", default="server_default='100%', "),
        old=varchar("9", default="server_default='50%', "),
        checks=(inserted("documents", "label", "100%"),),
    ),
    changed(
        "a default is dropped later",
        varchar("9"),
        old=varchar("9", default="server_default='50%', "),
        checks=(inserted("documents", "label", None),),
    ),
    changed(
        "a default of now() becomes one of clock_timestamp()",
        "seen: Mapped[datetime.datetime | None] = mapped_column("
        "server_default=func.clock_timestamp(), comment='Seen.')",
        old="seen: Mapped[datetime.datetime | None] = mapped_column("
        "server_default=func.now(), comment='Seen.')",
        checks=(inserted("documents", "seen is not null", True),),
    ),
    changed(
        "not null is set later where no row is null",
        "size: Mapped[int] = mapped_column(server_default='3', comment='Size.')",
        old="size: Mapped[int | None] = mapped_column(server_default='3', comment='Size.')",
        script=("not valid", "validate constraint", "set not null"),
    ),
    changed(
        "not null is set later where rows may be null",
        "size: Mapped[int] = mapped_column(comment='Size.')",
        EITHER,
        says=("size",),
        on=EMPTY,
        script=("not valid", "validate constraint", "set not null"),
    ),
    changed(
        "not null is dropped later",
        "size: Mapped[int | None] = mapped_column(server_default='3', comment='Size.')",
        old="size: Mapped[int] = mapped_column(server_default='3', comment='Size.')",
    ),
    changed(
        "default, null and comment are changed at once",
        "size: Mapped[int | None] = mapped_column(server_default='4', comment='Now % it''s.')",
        old="size: Mapped[int] = mapped_column(server_default='3', comment='Size.')",
    ),
    changed(
        "varchar(200) becomes varchar(400)",
        varchar("400"),
        old=varchar("200"),
        checks=(inserted("documents", "length(label)", 300, "label = repeat('x', 300)"),),
    ),
    changed(
        "varchar(200) becomes text",
        "label: Mapped[str | None] = mapped_column(sa.Text(), comment='L.')",
        old=varchar("200"),
    ),
    changed(
        "varchar(200) becomes varchar(100)",
        varchar("100"),
        EITHER,
        old=varchar("200"),
        says=("label",),
        rewrites=True,
    ),
    changed(
        "text becomes varchar(100)",
        varchar("100"),
        EITHER,
        old="label: Mapped[str | None] = mapped_column(sa.Text(), comment='L.')",
        says=("label",),
        rewrites=True,
    ),
    changed(
        "integer becomes bigint: the table is written anew",
        "size: Mapped[int | None] = mapped_column(sa.BigInteger(), comment='Size.')",
        REFUSED,
        says=("size", "bigint"),
    ),
    changed(
        "text becomes integer",
        "label: Mapped[int | None] = mapped_column(sa.Integer(), comment='L.')",
        REFUSED,
        old="label: Mapped[str | None] = mapped_column(sa.Text(), comment='L.')",
        says=("label", "integer"),
    ),
    changed(
        "numeric(10, 2) becomes numeric(12, 2)",
        "price: Mapped[decimal.Decimal | None] = mapped_column(sa.Numeric(12, 2), comment='P.')",
        old="price: Mapped[decimal.Decimal | None] = mapped_column("
        "sa.Numeric(10, 2), comment='P.')",
    ),
    Case(
        "a vector of 768 dimensions becomes one of 1024",
        (replace("models/base.py", "\nDIMENSIONS = 768\n", "\nDIMENSIONS = 1024\n"),),
        REFUSED,
        says=("embedding_v2", "dimension"),
    ),
    changed(
        "the dimensions of a vector of one's own change",
        "face: Mapped[Any] = mapped_column(pgv.VECTOR(4), nullable=True, comment='F.')",
        REFUSED,
        old="face: Mapped[Any] = mapped_column(pgv.VECTOR(3), nullable=True, comment='F.')",
        says=("face", "dimension"),
    ),
    changed(
        "a comment is removed: a column needs one",
        "size: Mapped[int | None] = mapped_column()",
        EITHER,
        says=("size", "comment"),
        checks=(comment_is("documents.size", None),),
    ),
    changed(
        "a column is renamed: one hint, or one message",
        "length: Mapped[int | None] = mapped_column(comment='Size.')",
        EITHER,
        says=("size",),
        moves=True,
    ),
    Case(
        "a column that a trigger uses is renamed",
        (in_model("documents", "    content: Mapped[str | None]", "    body: Mapped[str | None]"),),
        EITHER,
        says=("content",),
        moves=True,
    ),
    Case(
        "a column is dropped",
        (
            in_model(
                "documents",
                "    document_metadata: Mapped[dict[str, Any]] = mapped_column(\n"
                '        "metadata", server_default=text("\'{}\'::jsonb"), '
                'comment="Attributes of the application."\n    )\n',
                "",
            ),
        ),
        moves=True,
        lacks=("cascade",),
    ),
    Case(
        "a column of a revision before is dropped",
        (in_model("documents", f"    {WORD}\n", ""),),
        first=FIRST,
        moves=True,
    ),
    Case(
        "not null is dropped where the first revision set it",
        (in_model("pdf_documents", "filename: Mapped[str]", "filename: Mapped[str | None]"),),
    ),
    Case(
        "a default of the first revision is changed",
        (in_model("documents", 'server_default="active"', 'server_default="draft"'),),
        checks=(inserted("documents", "status", "draft"),),
    ),
]

STORED = "sa.Computed(\"lower(title) || '%'\", persisted=True)"

ODD = [
    *(
        of_type(table, label, type_, expect=EITHER, says=(attribute(label),))
        for label, type_ in ODD_TYPES.items()
        for table in ("documents", "notes")
    ),
    *(
        Case(
            f"an Enum that is a checked text on {place}",
            (
                *before,
                column(
                    table,
                    "color: Mapped[Any] = mapped_column(sa.Enum('red', '50%', name='color',"
                    " native_enum=False, create_constraint=True), nullable=True, comment='C.')",
                ),
            ),
            EITHER,
            says=("color",),
            checks=(
                Check(
                    "select count(*) from pg_constraint where contype = 'c' and"
                    f" conrelid = 'public.{table}'::regclass and"
                    " position('50%' in pg_get_constraintdef(oid)) > 0"
                    " and position('50%%' in pg_get_constraintdef(oid)) = 0",
                    1,
                ),
            ),
        )
        for place, table, before in (
            ("an old table", "documents", ()),
            ("a new table", "notes", (NOTES,)),
        )
    ),
    *(
        Case(
            f"a type of the developer's own on {place}",
            (
                *before,
                before_class(
                    table,
                    """
                    class Celsius(sa.types.TypeDecorator[float]):
                        impl = sa.Numeric
                        cache_ok = True

                        def load_dialect_impl(self, dialect: Any) -> Any:
                            return dialect.type_descriptor(sa.Numeric(5, 1))
                    """,
                ),
                column(
                    table,
                    "heat: Mapped[Any] = mapped_column(Celsius(), nullable=True, comment='H.')",
                ),
            ),
            checks=(inserted(table, "heat::text", "20.0", "heat = 20"),),
            lacks=("Celsius",),
        )
        for place, table, before in (
            ("an old table", "documents", ()),
            ("a new table", "notes", (NOTES,)),
        )
    ),
    Case(
        "not null without a default on an old table",
        (column("documents", "reviewer: Mapped[str] = mapped_column(comment='R.')"),),
        EITHER,
        says=("reviewer",),
        on=EMPTY,
    ),
    Case(
        "not null without a default on a full old table",
        (column("documents", "reviewer: Mapped[str] = mapped_column(comment='R.')"),),
        EITHER,
        says=("reviewer",),
    ),
    Case(
        "not null without a default on a new table",
        (NOTES, column("notes", "reviewer: Mapped[str] = mapped_column(comment='R.')")),
    ),
    Case(
        "a volatile default on an old table: each row gets its own, or it is refused",
        (
            column(
                "documents",
                "token: Mapped[uuid.UUID] = mapped_column("
                "server_default=func.gen_random_uuid(), comment='T.')",
            ),
        ),
        EITHER,
        says=("token",),
        checks=(Check("select count(*) = count(distinct token) from public.documents", True),),
    ),
    Case(
        "a volatile default on a new table",
        (
            NOTES,
            column(
                "notes",
                "token: Mapped[uuid.UUID] = mapped_column("
                "server_default=func.gen_random_uuid(), comment='T.')",
            ),
        ),
        checks=(inserted("notes", "token is not null", True),),
    ),
    Case(
        "a default of now() on an old table: one value, no rewrite",
        (
            column(
                "documents",
                "seen: Mapped[datetime.datetime] = mapped_column("
                "server_default=text('now()'), comment='S.')",
            ),
        ),
        checks=(Check("select count(*) from public.documents where seen is null", 0),),
    ),
    Case(
        "an identity on an old table: the table is written anew",
        (
            column(
                "documents",
                "number: Mapped[int] = mapped_column(sa.BigInteger(), sa.Identity(), comment='N.')",
            ),
        ),
        EITHER,
        says=("number",),
        rewrites=True,
    ),
    Case(
        "an identity on a new table",
        (
            NOTES,
            column(
                "notes",
                "number: Mapped[int] = mapped_column(sa.BigInteger(),"
                " sa.Identity(always=True, start=100, increment=5), comment='N.')",
            ),
        ),
        EITHER,
        says=("number",),
        checks=(inserted("notes", "number", 100),),
    ),
    Case(
        "a generated column on an old table: the table is written anew",
        (
            column(
                "documents",
                f"sorted: Mapped[str | None] = mapped_column({STORED}, comment='S.')",
            ),
        ),
        EITHER,
        says=("sorted",),
        checks=(inserted("documents", "sorted", "a%", "title = 'A'"),),
        rewrites=True,
    ),
    Case(
        "a generated column on a new table",
        (
            NOTES,
            column("notes", "title: Mapped[str | None] = mapped_column(comment='T.')"),
            column("notes", f"sorted: Mapped[str | None] = mapped_column({STORED}, comment='S.')"),
        ),
        EITHER,
        says=("sorted",),
        checks=(inserted("notes", "sorted", "a%", "title = 'A'"),),
    ),
    Case(
        "a generated search column on a new table",
        (
            NOTES,
            column("notes", "body: Mapped[str | None] = mapped_column(comment='B.')"),
            column(
                "notes",
                "found: Mapped[Any] = mapped_column(pg.TSVECTOR(), sa.Computed("
                "\"to_tsvector('english', coalesce(body, ''))\", persisted=True), nullable=True,"
                " comment='F.')",
            ),
            argument("notes", 'sa.Index("idx_notes_found", "found", postgresql_using="gin")'),
        ),
        EITHER,
        says=("found",),
        checks=(inserted("notes", "found::text", "'word':1", "body = 'words'"),),
    ),
    Case(
        "a sequence of its own on an old table",
        (
            column(
                "documents",
                "number: Mapped[int | None] = mapped_column("
                "server_default=sa.Sequence('numbers', metadata=Base.metadata).next_value(),"
                " comment='N.')",
            ),
        ),
        EITHER,
        says=("number",),
        rewrites=True,
    ),
    Case(
        "a default that the server fetches from elsewhere",
        (
            column(
                "documents",
                "given: Mapped[str | None] = mapped_column("
                "server_default=sa.FetchedValue(), comment='G.')",
            ),
        ),
        EITHER,
        says=("given",),
    ),
    Case(
        "a column without a comment on an old table",
        (column("documents", "silent: Mapped[str | None] = mapped_column()"),),
        EITHER,
        says=("silent", "comment"),
    ),
    Case(
        "a column without a comment on a new table",
        (NOTES, column("notes", "silent: Mapped[str | None] = mapped_column()")),
        EITHER,
        says=("silent", "comment"),
    ),
]

NAMES = {
    "a reserved word": ("order", "position"),
    "mixed case": ("sourceUrl", "source_url"),
    "a space": ("source url", "source_url"),
    "a percent sign": ("share%", "share"),
    "a quote": ('say"so', "say"),
    "letters of another alphabet": ("größe", "size"),
}


def of_name(label: str, name: str, key: str, table: str) -> Case:
    before = (NOTES,) if table == "notes" else ()
    line = f"{key}: Mapped[int | None] = mapped_column({name!r}, comment='N.')"
    quoted = '"' + name.replace('"', '""') + '"'
    index = f"idx_{table}_named"
    return Case(
        f"a column whose name has {label}, its index and its check on "
        f"{'a new' if table == 'notes' else 'an old'} table",
        (
            *before,
            column(table, line),
            argument(table, f'sa.Index("{index}", {name!r})'),
            argument(
                table, f"sa.CheckConstraint({quoted.replace('%', '%') + ' > 0'!r}, name='named')"
            ),
        ),
        checks=(definition_of_index(index, "("),),
    )


NAMED = [
    of_name(label, *names, table)
    for label, names in NAMES.items()
    for table in ("documents", "notes")
]

TOGETHER = [
    together("columns of every type", *OLD_TYPES, *NEW_TYPES, *ANNOTATIONS),
    together(
        "defaults and comments are stored as written",
        *TEXT_DEFAULTS,
        *OTHER_DEFAULTS,
        *NEW_COMMENTS,
    ),
]

CASES = [
    *TOGETHER,
    *OLD_TYPES,
    *NEW_TYPES,
    *ANNOTATIONS,
    *TEXT_DEFAULTS,
    *OTHER_DEFAULTS,
    *NEW_COMMENTS,
    *CHANGED_COMMENTS,
    *CHANGES,
    *ODD,
    *NAMED,
]
