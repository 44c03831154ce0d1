"""Makes random documents ask for people who are there, with what such documents lack: aliases, fragments, conditions."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    NameNode,
    OperationDefinitionNode,
    SelectionSetNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    parse,
    parse_value,
    print_ast,
    visit,
)

FLAGS = {"on": True, "off": False}
_SIZES = ("1", "2", "3", "20", "100", "250", "null", "0", "251", "$size")


def varied(
    document: str, schema: GraphQLSchema, customers: Sequence[str], chance: Random
) -> tuple[str, dict[str, Any]]:
    """The document, and the values of its variables."""
    node = parse(document)
    info = TypeInfo(schema)
    node = visit(node, TypeInfoVisitor(info, _Arguments(customers, chance)))
    info = TypeInfo(schema)
    fragments: list[FragmentDefinitionNode] = []
    node = visit(node, TypeInfoVisitor(info, _Selections(info, fragments, chance)))
    node = DocumentNode(definitions=(*node.definitions, *fragments))
    return _with_variables(print_ast(node), chance)


class _Arguments(Visitor):
    """Known people instead of random ones, and pages of sizes that matter."""

    def __init__(self, customers: Sequence[str], chance: Random) -> None:
        super().__init__()
        self._customers, self._chance = customers, chance

    def enter_argument(self, node: ArgumentNode, *_: Any) -> Any:
        value = self._value(node.name.value)
        return None if value is None else ArgumentNode(name=node.name, value=parse_value(value))

    def _value(self, name: str) -> str | None:
        pick = self._chance.choice
        if name == "by" and self._chance.random() < 0.97:
            return f'{{id: "{pick(self._customers)}"}}'
        if name == "ids":
            some = [pick(self._customers) for _ in range(self._chance.randrange(4))]
            return "[" + ", ".join(f'"{i}"' for i in some) + "]"
        if name == "first":
            return pick(_SIZES)
        if name == "after":
            return "null" if self._chance.random() < 0.8 else '"none of ours"'
        return None


class _Selections(Visitor):
    """Aliases, @skip and @include, and selections moved into fragments."""

    def __init__(self, info: TypeInfo, fragments: list[FragmentDefinitionNode], chance: Random) -> None:
        super().__init__()
        self._info, self._fragments, self._chance = info, fragments, chance
        self._aliases = 0

    def enter_field(self, node: FieldNode, *_: Any) -> Any:
        changed = {"alias": node.alias, "directives": node.directives}
        if node.alias is None and self._chance.random() < 0.1:
            self._aliases += 1
            changed["alias"] = NameNode(value=f"a{self._aliases}")
        if self._chance.random() < 0.08:
            changed["directives"] = (self._condition(),)
        return FieldNode(
            name=node.name, arguments=node.arguments, selection_set=node.selection_set, **changed
        )

    def leave_field(self, node: FieldNode, *_: Any) -> Any:
        type_ = self._info.get_type()
        if node.selection_set is None or type_ is None or self._chance.random() > 0.15:
            return None
        name = get_named_type(type_).name
        on = NamedTypeNode(name=NameNode(value=name))
        if self._chance.random() < 0.5:
            inner: Any = InlineFragmentNode(
                type_condition=on, selection_set=node.selection_set,
                directives=(self._condition(),) if self._chance.random() < 0.3 else (),
            )  # fmt: skip
        else:
            fragment = NameNode(value=f"F{len(self._fragments)}")
            self._fragments.append(
                FragmentDefinitionNode(
                    name=fragment, type_condition=on, selection_set=node.selection_set, directives=()
                )
            )
            inner = FragmentSpreadNode(name=fragment, directives=())
        typename = FieldNode(name=NameNode(value="__typename"), arguments=(), directives=())
        return FieldNode(
            alias=node.alias, name=node.name, arguments=node.arguments, directives=node.directives,
            selection_set=SelectionSetNode(selections=(inner, typename)),
        )  # fmt: skip

    def _condition(self) -> DirectiveNode:
        name = self._chance.choice(("skip", "include"))
        value = parse_value(self._chance.choice(("$on", "$off", "true", "false")))
        argument = ArgumentNode(name=NameNode(value="if"), value=value)
        return DirectiveNode(name=NameNode(value=name), arguments=(argument,))


def _with_variables(document: str, chance: Random) -> tuple[str, dict[str, Any]]:
    """Declares the variables that are used."""
    values: dict[str, Any] = {**FLAGS, "size": chance.choice((1, 2, 5, 50, None, 1000))}
    types = {"on": "Boolean!", "off": "Boolean!", "size": "Int"}
    used = [name for name in values if f"${name}" in document]
    if not used:
        return document, {}
    node = parse(document)
    operation = next(d for d in node.definitions if isinstance(d, OperationDefinitionNode))
    declared = ", ".join(f"${name}: {types[name]}" for name in used)
    body = print_ast(operation.selection_set)
    others = "\n".join(print_ast(d) for d in node.definitions if d is not operation)
    return f"query Q({declared}) {body}\n{others}", {name: values[name] for name in used}
