"""Projections: the selection below a field of plain data, compiled once into a Python function that makes the answer's value.

A projection is optimistic. It gives the value that graphql-core would give, or raises: for a null where none may be, for a value
that a scalar refuses, for a type that is not what it should be, for whatever a resolver raises. Then graphql-core completes the
same value again, so results and errors are its own in every case where something is wrong. That may be done twice because only
*plain* fields are compiled: attributes, and resolvers that take nothing but their parent. Neither does anything but look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
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
    """Writes one function's source. Names come from the schema and from the document's grammar, values only through `_bound`."""

    def __init__(self, schema: GraphQLSchema, collect: Collect) -> None:
        self._schema, self._collect = schema, collect
        self._bound: dict[str, Any] = {}
        self._names: dict[int, str] = {}
        self._variables = 0
        self._written = 0

    def function(self, body: str) -> Projection:
        scope = dict(self._bound)
        exec(compile(f"def projection(v):\n return {body}\n", "<projection>", "exec"), scope)  # noqa: S102
        found: Projection = scope["projection"]
        return found

    def value(self, type_: GraphQLOutputType, nodes: FieldDetailsList, source: str) -> str:
        """An expression of the completed value; `source` is an expression of the resolved one, used once."""
        if is_non_null_type(type_):
            return self._present(type_.of_type, nodes, source)
        if is_leaf_type(type_):
            return self._leaf(type_, source, nullable=True)
        name = self._variable()
        return f"(None if ({name} := {source}) is None else {self._present(type_, nodes, name)})"

    def _present(self, type_: GraphQLOutputType, nodes: FieldDetailsList, source: str) -> str:
        """Of a value that must not be null."""
        if is_leaf_type(type_):
            return self._leaf(type_, source, nullable=False)
        if is_list_type(type_):
            item = self._variable()
            each = self.value(type_.of_type, nodes, item)
            return f"[{each} for {item} in {self._bind(_as_list)}({source})]"
        if is_object_type(type_):
            return self._object(type_, nodes, source)
        if is_abstract_type(type_):
            return self._abstract(type_, nodes, source)
        raise NotPlain

    def _object(self, type_: GraphQLObjectType, nodes: FieldDetailsList, source: str) -> str:
        name = self._variable()
        checked = f"{self._bind(_checker(type_))}({source})"
        members = []
        for response_name, group in self._collect(type_, nodes).items():
            self._written += 1
            if self._written > MAX_FIELDS:
                raise NotPlain
            members.append(f"{response_name!r}: {self.field(type_, group, name)}")
        # a conditional that is never false: it binds the checked object before its members are read
        return f"({{{', '.join(members)}}} if ({name} := {checked}) is not None else None)"

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

    def _abstract(self, type_: GraphQLAbstractType, nodes: FieldDetailsList, source: str) -> str:
        """One function for each possible type; which one a class of values belongs to, the schema's own resolver says once."""
        possible = self._schema.get_possible_types(type_)
        definitions = [concrete.extensions.get(_DEFINITION) for concrete in possible]
        if type_.resolve_type is None or any(d is None or d.concrete_of for d in definitions):
            raise NotPlain  # what a generic type's value is depends on more than its class
        branches = {concrete.name: self._branch(concrete, nodes) for concrete in possible}
        return f"{self._bind(_dispatch(self._schema, type_, branches))}({source})"

    def _branch(self, concrete: GraphQLObjectType, nodes: FieldDetailsList) -> Projection:
        writer = _Writer(self._schema, self._collect)
        writer._written = self._written
        found = writer.function(writer._present(concrete, nodes, "v"))
        self._written = writer._written
        return found

    def _leaf(self, type_: GraphQLLeafType, source: str, *, nullable: bool) -> str:
        complete = self._bind(_completed(type_, nullable))
        quick = _QUICK.get(type_.name)
        name = self._variable()
        if quick is not None and quick[0] is type_:
            test = quick[1].format(name=name, value=f"({name} := {source})")
            return f"({name} if {test} else {complete}({name}))"
        written = _WRITTEN.get(id(type_.extensions.get(_DEFINITION)))
        if written is not None:
            class_, text = self._bind(written[0]), written[1].format(name=name)
            return f"({text} if ({name} := {source}).__class__ is {class_} else {complete}({name}))"
        if isinstance(type_, GraphQLEnumType):
            return f"{self._bind(_enum(type_, nullable))}({source})"
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
    id(base_scalars.DateTimeDefinition): (datetime, "{name}.isoformat()"),
    id(base_scalars.DateDefinition): (date, "{name}.isoformat()"),
    id(base_scalars.DecimalDefinition): (Decimal, "{name}.__str__()"),
}
"""What Strawberry's own scalars make of a value of their class."""

_SCALARS = frozenset({datetime, date, Decimal, str, int, float, bool})


def _as_list(value: Any) -> Any:
    if value.__class__ not in _LISTS:
        raise Deviation
    return value


def _checker(type_: GraphQLObjectType) -> Projection:
    """Gives an object back if it is one of the type; its class decides, as `is_type_of` does."""
    is_type_of, known = type_.is_type_of, set[type]()

    def checked(value: Any) -> Any:
        if value.__class__ in known:
            return value
        if value is None or isinstance(value, Exception) or hasattr(value, "__await__"):
            raise Deviation
        if is_type_of is not None and is_type_of(value, None) is not True:  # type: ignore[arg-type]
            raise Deviation
        known.add(value.__class__)
        return value

    return checked


def _dispatch(
    schema: GraphQLSchema, type_: GraphQLAbstractType, branches: Mapping[str, Projection]
) -> Projection:
    """By the value's class; a class that no type claims is graphql-core's to complain about."""
    known: dict[type, Projection] = {}
    resolve: Any = type_.resolve_type
    info = SimpleNamespace(schema=schema)  # all that a resolver by class looks at

    def dispatched(value: Any) -> Any:
        branch = known.get(value.__class__)
        if branch is None:
            if value is None:
                raise Deviation
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


def _enum(type_: GraphQLEnumType, nullable: bool) -> Projection:
    complete, known = _completed(type_, nullable), dict[Any, Any]()

    def completed(value: Any) -> Any:
        try:
            return known[value]
        except (KeyError, TypeError):
            found = complete(value)
            if value.__class__.__hash__ is not None and len(known) < len(type_.values) + 1:
                known[value] = found
            return found

    return completed
