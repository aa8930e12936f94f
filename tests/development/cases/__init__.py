"""The cases, by what is edited."""

from development.cases import columns, indexes, meetings, platforms, sql, tables
from development.path import Case

CASES: list[Case] = [
    *columns.CASES,
    *indexes.CASES,
    *tables.CASES,
    *sql.CASES,
    *meetings.CASES,
    *platforms.CASES,
]

FAST = {
    "columns of every type",
    "defaults and comments are stored as written",
    "not null without a default on an old table",
    "not null is set later where no row is null",
    "a volatile default on an old table: each row gets its own, or it is refused",
    "a column without a comment on an old table",
    "a column whose name has mixed case, its index and its check on an old table",
    "a column of a revision before is dropped",
    "integer becomes bigint: the table is written anew",
    "a vector of 768 dimensions becomes one of 1024",
    "indexes of every kind",
    "an index of the first revisions is dropped",
    "unique=True of a new column",
    "a foreign key by ForeignKey of a new column",
    "the values of a status are more",
    "a new table with policy, trigger, grants and comments",
    "a function is changed: the name of an argument",
    "a function that policies use gets another argument",
    "a function with defaults that hold commas and parentheses",
    "a new trigger with a condition with a percent sign, a colon and a quote",
    "a trigger whose comment is left behind is not dropped",
    "a policy is changed",
    "tables that point at each other are dropped with what is on them",
    "a check that calls a new function",
    "a function that a policy calls returns something else",
    "a column whose name is a reserved word, in every place",
    "a privilege on a table is granted",
    "the storage of a column is set",
    "a file is refused by its name: a function with an error of syntax",
    "with foreign objects of every kind in the database, only the edit is drafted",
    "nothing is edited, on a database that is adopted",
}
"""Names of the cases of the fast tier; all others are marked slow."""
