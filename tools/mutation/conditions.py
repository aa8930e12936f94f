"""What can go missing from a condition, or from a function that decides by conditions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pglast import ast, parse_plpgsql, parse_sql
from pglast.enums import A_Expr_Kind, BoolExprType
from pglast.stream import RawStream


class Change(NamedTuple):
    """A text without one of its conditions.

    Attributes:
        what: What it lacks.
        text: The text.
        asks: Whether it was a question to another function, about who may.
    """

    what: str
    text: str
    asks: bool = False


class _Edit(NamedTuple):
    what: str
    apply: Callable[[], None]
    asks: bool = False


def of_expression(expression: str) -> Iterator[Change]:
    """An expression, each time with one operand less in it."""
    yield from _changes(f"select {expression}", len("SELECT "))


def of_trigger(definition: str) -> Iterator[Change]:
    """A trigger, as ``create or replace trigger``, each time with one condition less."""
    for change in _changes(definition, 0):
        yield Change(change.what, change.text.replace("CREATE", "CREATE OR REPLACE", 1))


def of_function(definition: str, source: str) -> Iterator[Change]:
    """A function, as ``create or replace function``, each time with one check less.

    Args:
        definition: What pg_get_functiondef prints.
        source: The body in it (prosrc).
    """
    seen: dict[str, int] = {}
    for place in _places(definition):
        start = _found(source, place)
        end = start + len(place.text)
        lost = _blanked(source[start:end], place.text)
        for change in place.changes():
            changed = change.text
            if lost:
                changed = f"select into {lost} {changed[len('SELECT ') :]}"
            seen[change.what] = seen.get(change.what, 0) + 1
            again = f" ({seen[change.what]})" if seen[change.what] > 1 else ""
            body = source[:start] + changed + source[end:]
            yield Change(change.what + again, definition.replace(source, body), change.asks)


class _Place(NamedTuple):
    """Where PL/pgSQL hands a text to SQL."""

    line: int
    text: str
    is_statement: bool
    is_condition: bool
    only_raises: bool

    def changes(self) -> Iterator[Change]:
        if self.is_condition:
            yield Change(f"never if {_short(self.text)}", "false")
            if not self.only_raises:
                yield Change(f"always if {_short(self.text)}", "true")
        if self.is_statement:
            yield from _changes(self.text, 0)
        else:
            yield from of_expression(self.text)


def _places(definition: str) -> Iterator[_Place]:
    # The parser knows no types, so none that is an array.
    for function in parse_plpgsql(definition.replace("VARIADIC ", "")):
        yield from _places_in(function, 1, "")


# Messages decide nothing; where a loop ends is a matter of what is found, not of who may see it.
_PASSED_OVER = ("PLpgSQL_stmt_raise", "PLpgSQL_stmt_exit", "PLpgSQL_stmt_while")


def _places_in(node: Any, line: int, key: str, only_raises: bool = False) -> Iterator[_Place]:
    if isinstance(node, list):
        for item in node:
            yield from _places_in(item, line, key)
    elif isinstance(node, dict):
        line = node.get("lineno", line)
        for name, value in node.items():
            if name in _PASSED_OVER:
                continue
            if name == "PLpgSQL_expr":
                yield _place(value, line, key, only_raises)
            elif name == "cond":
                then = node.get("then_body", node.get("stmts", []))
                raises = all("PLpgSQL_stmt_raise" in statement for statement in then)
                yield from _places_in(value, line, name, raises)
            else:
                kept = key if name.startswith("PLpgSQL_") else name
                yield from _places_in(value, line, kept, only_raises)


_STATEMENT, _ASSIGNMENT = 0, 3


def _place(expression: dict[str, Any], line: int, key: str, only_raises: bool) -> _Place:
    text, mode = expression["query"], expression["parseMode"]
    if mode >= _ASSIGNMENT:
        text = text.split(":=", 1)[1].strip()
    is_statement = mode == _STATEMENT
    if text.startswith("SELECT "):  # what was PERFORM
        text, is_statement = text[len("SELECT ") :], False
    return _Place(line, text, is_statement, key == "cond", only_raises)


def _found(source: str, place: _Place) -> int:
    """Where the text stands: from its line on; INTO and its targets are blanks in the text."""
    lines = source.split("\n")
    begin = sum(len(line) + 1 for line in lines[: place.line - 1])
    text = place.text
    for start in range(begin, len(source) - len(text) + 1):
        if all(a in (" ", b) for a, b in zip(text, source[start:], strict=False)):
            return start
    raise AssertionError(f"not in the source from line {place.line} on: {text}")


def _blanked(original: str, text: str) -> str:
    """The clause INTO that PL/pgSQL took out of a statement."""
    lost = [at for at, (a, b) in enumerate(zip(original, text, strict=True)) if a != b]
    return original[lost[0] : lost[-1] + 1].removeprefix("into ").strip() if lost else ""


def _changes(statement: str, skipped: int) -> Iterator[Change]:
    """A statement, each time with one thing less; without its first characters."""
    for number in range(len(list(_edits(parse_sql(statement)[0].stmt)))):
        root = parse_sql(statement)[0].stmt
        edit = list(_edits(root))[number]
        edit.apply()
        yield Change(edit.what, RawStream()(root)[skipped:], edit.asks)


def _edits(node: Any) -> Iterator[_Edit]:
    if isinstance(node, tuple):
        for item in node:
            yield from _edits(item)
    elif isinstance(node, ast.Node):
        yield from _edits_here(node)
        for name in node:
            # What is sorted by is seen all the same.
            if name != "sortClause":
                yield from _edits(getattr(node, name))


def _edits_here(node: ast.Node) -> Iterator[_Edit]:
    match node:
        case ast.BoolExpr(boolop=BoolExprType.AND_EXPR | BoolExprType.OR_EXPR):
            neutral = node.boolop == BoolExprType.AND_EXPR
            yield from _each(node, "args", lambda _: _constant(neutral))
        case ast.SelectStmt() | ast.DeleteStmt() | ast.UpdateStmt():
            yield from _whole(node, "whereClause", _constant(True))
        case ast.JoinExpr():
            yield from _whole(node, "quals", _constant(True))
        case ast.FuncCall():
            yield from _whole(node, "agg_filter", None)
            yield from _unasked(node)
        case ast.CreateTrigStmt():
            yield from _whole(node, "whenClause", None)
        case ast.CoalesceExpr():
            yield from _each(node, "args", None)
        case ast.A_ArrayExpr():
            yield from _each(node, "elements", None)
        case ast.A_Expr(kind=A_Expr_Kind.AEXPR_IN):
            yield from _each(node, "rexpr", None)
        case ast.CaseExpr():
            for when in node.args:
                yield from _outcomes(node, when)


PERMISSIONS = ("write", "delete", "manage_documents")
"""What not everybody may who may read."""


def _unasked(call: ast.FuncCall) -> Iterator[_Edit]:
    """A call that checks nothing, or asks for less."""
    name = call.funcname[-1].sval
    if name.startswith("resolve_") and len(call.args) == 2:
        # A conversion to the type that it has.
        yield _Edit(f"without asking {name}", lambda: _call(call, "uuid", call.args[0]), True)
    elif name == "require_permission":
        yield _Edit(f"without asking {name}", lambda: _call(call, "mivaa.get_workspace_id"), True)
    for argument in call.args or ():
        constant = argument.arg if isinstance(argument, ast.TypeCast) else argument
        if isinstance(constant, ast.A_Const) and isinstance(constant.val, ast.String):
            asked = constant.val.sval
            if asked in PERMISSIONS:
                less = ast.A_Const(val=ast.String(sval="read"), isnull=False)
                rest = tuple(less if a is argument else a for a in call.args)
                yield _Edit(f"{name}({asked}) asks for read", _setter(call, "args", rest), True)


def _call(call: ast.FuncCall, name: str, *arguments: ast.Node) -> None:
    call.funcname = tuple(ast.String(sval=part) for part in name.split("."))
    call.args = arguments


def _outcomes(case: ast.CaseExpr, when: ast.CaseWhen) -> Iterator[_Edit]:
    if case.arg is None:
        for outcome in (True, False):
            what = f"{'always' if outcome else 'never'} when {_printed(when.expr)}"
            yield _Edit(what, _setter(when, "expr", _constant(outcome)))
    elif _is_condition(when.result):
        yes = isinstance(when.result, ast.A_Const)
        for outcome in (False,) if yes else (True, False):
            what = f"{str(outcome).lower()} when {_printed(when.expr)}"
            yield _Edit(what, _setter(when, "result", _constant(outcome)))


def _is_condition(node: ast.Node) -> bool:
    if isinstance(node, ast.A_Const):
        return isinstance(node.val, ast.Boolean)
    return isinstance(node, ast.A_Expr | ast.BoolExpr)


def _whole(node: ast.Node, name: str, replacement: ast.Node | None) -> Iterator[_Edit]:
    """A condition as a whole; one of several operands has each of them taken away instead."""
    condition = getattr(node, name)
    if condition is None or (
        isinstance(condition, ast.BoolExpr) and condition.boolop != BoolExprType.NOT_EXPR
    ):
        return
    yield _Edit(f"without {_printed(condition)}", _setter(node, name, replacement))


def _each(
    node: ast.Node, name: str, replacement: Callable[[ast.Node], ast.Node] | None
) -> Iterator[_Edit]:
    """Each member of a list, replaced, or left out unless it is the only one."""
    members = getattr(node, name)
    if replacement is None and len(members) < 2:
        return
    for place, member in enumerate(members):
        instead = () if replacement is None else (replacement(member),)
        rest = (*members[:place], *instead, *members[place + 1 :])
        yield _Edit(f"without {_printed(member)}", _setter(node, name, rest))


def _setter(node: ast.Node, name: str, value: Any) -> Callable[[], None]:
    return lambda: setattr(node, name, value)


def _constant(value: bool) -> ast.A_Const:
    return ast.A_Const(val=ast.Boolean(boolval=value), isnull=False)


def _printed(node: ast.Node) -> str:
    return _short(RawStream()(node))


def _short(text: str) -> str:
    """A text in one line, as somebody would write it: catalogs say more."""
    text = re.sub(r"CAST\(('[^']*') AS text\)", r"\1", " ".join(text.split()))
    return re.sub(r"\(SELECT ([\w.]+\([^()]*\)) AS \w+\)", r"\1", text)
