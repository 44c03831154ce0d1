"""Projections: the selection below a field of plain data, compiled once into a Python function that makes the answer's value.

A projection is optimistic. It gives the value that graphql-core would give, or raises: for a null where none may be, for a value
that a scalar refuses, for a type that is not what it should be, for whatever a resolver raises. Then graphql-core completes the
same value again, so results and errors are its own in every case where something is wrong. That may be done twice because only
*plain* fields are compiled: attributes, and resolvers that take nothing but their parent. Neither does anything but look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from graphql import (
    GraphQLAbstractType,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLString,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.pyutils import Undefined
from graphql.type import GraphQLLeafType
from strawberry.schema.types import base_scalars

Collect = Callable[[GraphQLObjectType, FieldDetailsList], GroupedFieldSet]
"""graphql-core's own collection of the fields below some field nodes, for one object type."""
Projection = Callable[[Any], Any]

MAX_FIELDS = 2_000
"""Fields that one projection may have; a larger selection is left to graphql-core."""
_DEFINITION = "strawberry-definition"
_LISTS = frozenset({list, tuple})
_INT_LIMIT = 2**31


class NotPlain(Exception):
    """The selection has a field that cannot be compiled."""


class Deviation(Exception):
    """The value is not as it should be: graphql-core has to say what is wrong."""


class Projector:
    """Compiles for one schema. `collect` decides what @skip and @include leave of the document's selections."""

    def __init__(self, schema: GraphQLSchema, collect: Collect) -> None:
        self._parts = (schema, collect)

    def value(self, type_: GraphQLOutputType, nodes: FieldDetailsList) -> Projection:
        """The function from a field's resolved value to its part of the answer. Raises NotPlain."""
        writer = _Writer(*self._parts)
        return writer.function(writer.value(type_, nodes, "v"))

    def field(self, parent: GraphQLObjectType, nodes: FieldDetailsList) -> Projection:
        """The function from an object to what one of its plain fields is in the answer. Raises NotPlain."""
        writer = _Writer(*self._parts)
        return writer.function(writer.field(parent, nodes, "v"))


def plain_reader(field: GraphQLField) -> str | Callable[[Any], Any] | None:
    """How a plain field is read: the attribute's name, or a function of its parent. None where the field is not plain."""
    definition = field.extensions.get(_DEFINITION)
    if definition is None or field.args:
        return None
    if definition.is_basic_field:
        return str(definition.python_name)
    resolver = definition.base_resolver
    if (
        definition.extensions
        or definition.permission_classes
        or definition.is_async
        or resolver.info_parameter
    ):
        return None
    reader: Callable[[Any], Any] = resolver.wrapped_func
    return reader


class _Writer:
    """Writes functions' source. Names come from the schema and from the document's grammar, values only through `_bind`."""

    def __init__(self, schema: GraphQLSchema, collect: Collect) -> None:
        self._schema, self._collect = schema, collect
        self._bound: dict[str, Any] = {}
        self._names: dict[int, str] = {}
        self._functions: list[str] = []
        self._variables = 0
        self._written = 0

    def function(self, body: str) -> Projection:
        source = "\n".join((*self._functions, f"def projection(v):\n return {body}"))
        scope = {"UTC": UTC, **self._bound}
        exec(compile(source, "<projection>", "exec"), scope)  # noqa: S102
        found: Projection = scope["projection"]
        return found

    def value(self, type_: GraphQLOutputType, nodes: FieldDetailsList, source: str) -> str:
        """An expression of the completed value; `source` is an expression of the resolved one, used once."""
        if is_leaf_type(type_):
            return self._leaf(type_, source, nullable=True)
        inner, absent = type_, "None"
        if is_non_null_type(type_):
            inner, absent = type_.of_type, f"{self._bind(_deviate)}()"
            if is_leaf_type(inner):
                return self._leaf(inner, source, nullable=False)
        name = self._variable()
        return f"({absent} if ({name} := {source}) is None else {self._present(inner, nodes, name)})"

    def _present(self, type_: GraphQLOutputType, nodes: FieldDetailsList, name: str) -> str:
        """Of a value that is there, under a name."""
        if is_list_type(type_):
            # a function of its own: names of a comprehension are slower, and nested ones would be shared
            each = f"each{len(self._functions)}"
            self._functions.append("")
            place = len(self._functions) - 1
            self._functions[place] = f"def {each}(v):\n return {self.value(type_.of_type, nodes, 'v')}"
            lists = self._bind(_LISTS)
            return f"(list(map({each}, {name})) if {name}.__class__ in {lists} else {self._bind(_deviate)}())"
        if is_object_type(type_):
            return self._object(type_, nodes, name)
        if is_abstract_type(type_):
            return self._abstract(type_, nodes, name)
        raise NotPlain

    def _object(self, type_: GraphQLObjectType, nodes: FieldDetailsList, name: str) -> str:
        members = []
        looked_at = False
        for response_name, group in self._collect(type_, nodes).items():
            self._written += 1
            if self._written > MAX_FIELDS:
                raise NotPlain
            member = self.field(type_, group, name)
            looked_at = looked_at or f"{name}." in member
            members.append(f"{response_name!r}: {member}")
        made = f"{{{', '.join(members)}}}"
        if looked_at and type_.is_type_of is None:
            return made  # what has no such attribute is no such object
        check, known = _checker(type_)
        return f"({made} if {name}.__class__ in {self._bind(known)} or {self._bind(check)}({name}) else None)"

    def field(self, parent: GraphQLObjectType, group: FieldDetailsList, source: str) -> str:
        field_name = group[0].node.name.value
        if field_name == "__typename":
            return repr(parent.name)
        field = self._schema.get_field(parent, field_name)
        reader = plain_reader(field) if field is not None else None
        if field is None or reader is None or group[0].node.arguments:
            raise NotPlain
        read = f"{source}.{reader}" if isinstance(reader, str) else f"{self._bind(reader)}({source})"
        return self.value(field.type, group, read)

    def _abstract(self, type_: GraphQLAbstractType, nodes: FieldDetailsList, name: str) -> str:
        """One function for each possible type; which one a class of values belongs to, the schema's own resolver says once."""
        possible = self._schema.get_possible_types(type_)
        definitions = [concrete.extensions.get(_DEFINITION) for concrete in possible]
        if type_.resolve_type is None or any(d is None or d.concrete_of for d in definitions):
            raise NotPlain  # what a generic type's value is depends on more than its class
        branches = {concrete.name: self._branch(concrete, nodes) for concrete in possible}
        # all that a resolver by class looks at; the name is for its error
        info = SimpleNamespace(schema=self._schema, field_name=nodes[0].node.name.value)
        return f"{self._bind(_dispatch(info, type_, branches))}({name})"

    def _branch(self, concrete: GraphQLObjectType, nodes: FieldDetailsList) -> Projection:
        writer = _Writer(self._schema, self._collect)
        writer._written = self._written
        found = writer.function(writer._present(concrete, nodes, "v"))
        self._written = writer._written
        return found

    def _leaf(self, type_: GraphQLLeafType, source: str, *, nullable: bool) -> str:
        """A value of the usual class needs no call; any other is completed, or refused, as the type does it."""
        complete = self._bind(_completed(type_, nullable))
        name = self._variable()
        asis, written = _QUICK.get(type_.name), _WRITTEN.get(id(type_.extensions.get(_DEFINITION)))
        if asis is not None and asis[0] is type_:
            test = asis[1].format(name=name, value=f"({name} := {source})")
            return f"({name} if {test}{f' or {name} is None' if nullable else ''} else {complete}({name}))"
        if written is not None:
            class_, text = self._bind(written[0]), written[1].format(name=name)
            return f"({text} if ({name} := {source}).__class__ is {class_} else {complete}({name}))"
        if isinstance(type_, GraphQLEnumType):
            return f"{self._bind(_members(type_, nullable))}[{source}]"
        return f"{complete}({source})"

    def _variable(self) -> str:
        self._variables += 1
        return f"v{self._variables}"

    def _bind(self, value: Any) -> str:
        """The name under which the function sees an object."""
        name = self._names.get(id(value))
        if name is None:
            name = self._names[id(value)] = f"b{len(self._bound)}"
            self._bound[name] = value
        return name


_QUICK: Mapping[str, tuple[GraphQLLeafType, str]] = {
    "String": (GraphQLString, "{value}.__class__ is str"),
    "ID": (GraphQLID, "{value}.__class__ is str"),
    "Boolean": (GraphQLBoolean, "{value}.__class__ is bool"),
    "Int": (GraphQLInt, f"{{value}}.__class__ is int and {-_INT_LIMIT} <= {{name}} < {_INT_LIMIT}"),
    "Float": (GraphQLFloat, "{value}.__class__ is float and {name} - {name} == 0"),
}
"""What a built-in scalar gives back as it is."""

_WRITTEN: Mapping[int, tuple[type, str]] = {
    # in UTC, orjson writes it itself, and the same
    id(base_scalars.DateTimeDefinition): (
        datetime,
        "({name} if {name}.tzinfo is UTC else {name}.isoformat())",
    ),
    id(base_scalars.DateDefinition): (date, "{name}.isoformat()"),
    id(base_scalars.DecimalDefinition): (Decimal, "{name}.__str__()"),
}
"""What Strawberry's own scalars make of a value of their class. `UTC` is bound in every function."""

_SCALARS = frozenset({datetime, date, Decimal, str, int, float, bool})


def _deviate() -> Any:
    raise Deviation


def _checker(type_: GraphQLObjectType) -> tuple[Callable[[Any], bool], set[type]]:
    """Whether an object is one of the type, and the classes of which it is known: its class decides, as `is_type_of` does."""
    is_type_of, known = type_.is_type_of, set[type]()

    def check(value: Any) -> bool:
        if isinstance(value, Exception) or hasattr(value, "__await__"):
            raise Deviation
        if is_type_of is not None and is_type_of(value, None) is not True:  # type: ignore[arg-type]
            raise Deviation
        known.add(value.__class__)
        return True

    return check, known


def _dispatch(
    info: SimpleNamespace, type_: GraphQLAbstractType, branches: Mapping[str, Projection]
) -> Projection:
    """By the value's class; a class that no type claims is graphql-core's to complain about."""
    known: dict[type, Projection] = {}
    resolve: Any = type_.resolve_type

    def dispatched(value: Any) -> Any:
        branch = known.get(value.__class__)
        if branch is None:
            branch = branches[resolve(value, info, type_)]
            known[value.__class__] = branch
        return branch(value)

    return dispatched


def _completed(type_: GraphQLLeafType, nullable: bool) -> Projection:
    coerce = type_.coerce_output_value

    def completed(value: Any) -> Any:
        if value is None or value is Undefined:
            if nullable:
                return None
            raise Deviation
        if value.__class__ not in _SCALARS and (isinstance(value, Exception) or hasattr(value, "__await__")):
            raise Deviation
        coerced = coerce(value)
        if coerced is None or coerced is Undefined:
            raise Deviation
        return coerced

    return completed


def _members(type_: GraphQLEnumType, nullable: bool) -> Mapping[Any, str | None]:
    """What each value of an enum is in the answer. What is none of them is looked up in vain, which is a deviation too."""
    complete = _completed(type_, nullable)
    definition = type_.extensions.get(_DEFINITION)
    values = [*getattr(definition, "wrapped_cls", ()), *(value.value for value in type_.values.values())]
    members: dict[Any, str | None] = {value: complete(value) for value in values}
    return {**members, None: None} if nullable else members
