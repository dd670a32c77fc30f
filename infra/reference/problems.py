"""The problems that a server can answer with, read from its source: they are where they are raised."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FOLDERS = ("serving", "schemas")
PLACES = {"ProblemError": 0, "problem": 0, "_problem": 0, "QueryError": None}
"""What makes a problem, and the place of the status among its arguments; the code is next, the remedy is last."""
QUERY_STATUS = "422"
ROOT = Path(__file__).parents[2]


class Found(NamedTuple):
    """One kind of problem."""

    code: str
    status: str
    remedy: str


def problems() -> list[Found]:
    """Each once, by code."""
    found: dict[str, Found] = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for one in _in(ast.parse(path.read_text())):
                found.setdefault(one.code, one)
    return [found[code] for code in sorted(found)]


def _in(module: ast.Module) -> Iterator[Found]:
    constants = dict(_constants(module))
    for scope in [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]:
        known = constants | {
            target.id: node.value
            for node in ast.walk(scope)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in [node for node in ast.walk(scope) if isinstance(node, ast.Call)]:
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            if name in PLACES and len(call.args) >= 3:
                yield from _kinds(call.args, PLACES[name], known)


def _constants(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in module.body:
        match node:
            case ast.AnnAssign(ast.Name(name), _, ast.expr() as value) | ast.Assign([ast.Name(name)], value):
                yield name, value


def _kinds(arguments: list[ast.expr], place: int | None, known: dict[str, ast.expr]) -> Iterator[Found]:
    status = QUERY_STATUS if place is None else _text(arguments[0], known)
    codes = arguments[0 if place is None else 1]
    remedy = _text(arguments[-1], known)
    for said, code in _codes(known.get(codes.id, codes) if isinstance(codes, ast.Name) else codes):
        yield Found(code, said or status, remedy)


def _codes(node: ast.expr) -> Iterator[tuple[str, str]]:
    """Status, where the node says it, and code."""
    match node:
        case ast.Constant(str(code)):
            yield "", code
        case ast.Dict():
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(value, ast.Constant):
                    yield str(key.value), str(value.value)
        case ast.Call(ast.Attribute(ast.Dict() as table, "get"), [_, ast.Constant(str(other))]):
            yield from _codes(table)
            yield "other", other


def _text(node: ast.expr, known: dict[str, ast.expr]) -> str:
    match node:
        case ast.Constant(value):
            return str(value)
        case ast.JoinedStr(values):
            return "".join(_text(value, known) for value in values)
        case ast.FormattedValue():
            return "…"
        case ast.Name(name) if name in known:
            return _text(known[name], {})
        case ast.BinOp(left, ast.Add(), right):
            return _text(left, known) + _text(right, known)
    return "…"
