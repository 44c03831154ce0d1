"""Which requests an adapter contains, read from its source, so that a new one that nobody tries is noticed.

A site is a call of `call`, `send`, `ask` or `query` on a client that an object holds (`self._api.call(…)`). Its first
argument is the operation's name: a literal, or a variable that is followed to the literals of all callers.
"""

from __future__ import annotations

import ast
import importlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_METHODS = frozenset({"call", "send", "ask", "query"})
_DICTIONARIES = frozenset({"params", "json", "body", "variables"})
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class Site:
    """A place in the source where a request is made."""

    file: str
    first: int
    last: int
    operations: frozenset[str]

    def holds(self, place: tuple[str, int]) -> bool:
        return place[0] == self.file and self.first <= place[1] <= self.last

    def __str__(self) -> str:
        return f"{Path(self.file).name}:{self.first} ({', '.join(sorted(self.operations))})"


class Source:
    """The modules of one adapter's package."""

    def __init__(self, package: str) -> None:
        module = importlib.import_module(package)
        assert module.__file__ is not None
        files = sorted(Path(module.__file__).parent.glob("*.py"))
        self._trees = {str(file): ast.parse(file.read_text(encoding="utf-8")) for file in files}
        self._functions = [
            (file, node)
            for file, tree in self._trees.items()
            for node in ast.walk(tree)
            if isinstance(node, Function)
        ]

    def sites(self) -> list[Site]:
        """All places where a request is made; raises AssertionError where an operation's name is not to be found out."""
        found = []
        for file, function in self._functions:
            for call in _calls(function):
                if (
                    isinstance(call.func, ast.Attribute)
                    and call.func.attr in _METHODS
                    and _on_self(call.func)
                ):
                    operations = frozenset(self._values(call.args[0], function))
                    found.append(
                        Site(
                            file=file,
                            first=call.lineno,
                            last=call.end_lineno or call.lineno,
                            operations=operations,
                        )
                    )
        return found

    def names(self) -> set[str]:
        """Keys of the dictionaries that are sent as query parameters, bodies and variables."""
        found = set()
        for tree in self._trees.values():
            for node in ast.walk(tree):
                found |= set(_keys(node))
        return found

    def _values(self, expression: ast.expr, function: Function) -> set[str]:
        """The texts that an expression can have."""
        if isinstance(expression, ast.Constant):
            return {str(expression.value)}
        if isinstance(expression, ast.JoinedStr):
            parts = [
                self._values(part.value if isinstance(part, ast.FormattedValue) else part, function)
                for part in expression.values
            ]
            return {"".join(words) for words in itertools.product(*parts)}
        if isinstance(expression, ast.Name):
            assigned = [
                node.value
                for node in ast.walk(function)
                if isinstance(node, ast.Assign)
                and any(isinstance(t, ast.Name) and t.id == expression.id for t in node.targets)
            ]
            if assigned:
                return {text for value in assigned for text in self._values(value, function)}
            return self._from_callers(expression.id, function)
        raise AssertionError(f"line {expression.lineno}: the operation's name is not to be found out")

    def _from_callers(self, name: str, function: Function) -> set[str]:
        parameters = [a.arg for a in (*function.args.posonlyargs, *function.args.args) if a.arg != "self"]
        assert name in parameters, f"{function.name}: {name} is neither assigned nor a parameter"
        index, found = parameters.index(name), set()
        for _, caller in self._functions:
            for call in _calls(caller):
                if not _calls_it(call, function):
                    continue
                named = [keyword.value for keyword in call.keywords if keyword.arg == name]
                found |= self._values(named[0] if named else call.args[index], caller)
        assert found, f"{function.name} is called by nobody"
        return found


def _calls(function: Function) -> Iterator[ast.Call]:
    """The calls in a function, lambdas included, without those of the functions defined in it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, Function):
            continue
        if isinstance(node, ast.Call):
            yield node
        waiting += ast.iter_child_nodes(node)


def _calls_it(call: ast.Call, function: Function) -> bool:
    """Whether this looks like a call of the function: methods by a dot, plain functions without one."""
    if any(argument.arg == "self" for argument in function.args.args):
        return isinstance(call.func, ast.Attribute) and call.func.attr == function.name
    return isinstance(call.func, ast.Name) and call.func.id == function.name


def _on_self(attribute: ast.Attribute) -> bool:
    held = attribute.value
    return isinstance(held, ast.Attribute) and isinstance(held.value, ast.Name) and held.value.id == "self"


def _keys(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            if isinstance(target, ast.Name) and target.id in _DICTIONARIES:
                yield from _literal_keys(node.value)
            if (
                isinstance(target, ast.Subscript)
                and isinstance(target.value, ast.Name)
                and target.value.id in _DICTIONARIES
                and isinstance(target.slice, ast.Constant)
            ):
                yield str(target.slice.value)
    elif isinstance(node, ast.keyword) and node.arg in _DICTIONARIES:
        yield from _literal_keys(node.value)


def _literal_keys(value: ast.expr | None) -> Iterator[str]:
    if isinstance(value, ast.Dict):
        yield from (str(key.value) for key in value.keys if isinstance(key, ast.Constant))
