"""The cases, by what is edited."""

from development.cases import columns, indexes, platforms, sql, tables
from development.path import Case

CASES: list[Case] = [
    *columns.CASES,
    *indexes.CASES,
    *tables.CASES,
    *sql.CASES,
    *platforms.CASES,
]
