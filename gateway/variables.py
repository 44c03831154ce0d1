"""The variables of a request, coerced; what is wrong with them is said without repeating a value.

graphql-core's own texts quote the value that they refuse. A variable here is often an e-mail address or a
phone number, and answers pass proxies and logs that nobody thinks of, so the texts of this module name the
path and the type only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    get_variable_values,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    is_scalar_type,
    type_from_ast,
)
from graphql.execution.values import VariableValues
from graphql.pyutils import Undefined

MAX_PROBLEMS = 20


def coerce(
    schema: GraphQLSchema, operation: OperationDefinitionNode, given: Mapping[str, Any]
) -> VariableValues | list[GraphQLError]:
    """The coerced variables of a validated operation, or what is wrong with the given ones."""
    definitions = operation.variable_definitions or ()
    if not definitions:
        return VariableValues({}, {})
    values = get_variable_values(schema, definitions, dict(given), max_errors=1)
    if not isinstance(values, list):
        return values
    errors: list[GraphQLError] = []
    for definition in definitions:
        name = definition.variable.name.value
        type_: Any = type_from_ast(schema, definition.type)
        if name not in given:
            # a missing variable has nothing personal in it, and a default stands in the document
            problems = iter([f"must be given, as {type_}"] if is_non_null_type(type_) else ())
            if definition.default_value is not None:
                problems = iter(())
        else:
            problems = _problems(given[name], type_, f"${name}")
        for problem in problems:
            text = f"variable ${name} {problem}" if name not in given else f"variable {problem}"
            errors.append(GraphQLError(text, definition))
            if len(errors) == MAX_PROBLEMS:
                return errors
    return errors or [GraphQLError("a variable has a value that is not valid", list(definitions))]


def _problems(value: Any, type_: Any, at: str, depth: int = 0) -> Iterator[str]:
    """What is wrong with a value, each with the path to it."""
    if depth > 100:
        yield f"{at} is nested too deeply"
    elif is_non_null_type(type_):
        if value is None:
            yield f"{at} must not be null: expected {type_}"
        else:
            yield from _problems(value, type_.of_type, at, depth)
    elif value is None:
        return
    elif is_list_type(type_):
        items = value if isinstance(value, list) else [value]
        for n, item in enumerate(items):
            yield from _problems(item, type_.of_type, f"{at}[{n}]" if items is value else at, depth + 1)
    elif is_input_object_type(type_):
        yield from _object_problems(value, type_, at, depth)
    elif (is_scalar_type(type_) or is_enum_type(type_)) and not _accepts(type_, value):
        choices = f", one of {', '.join(type_.values)}" if is_enum_type(type_) else ""
        yield f"{at} has a value that is not valid: expected {type_}{choices}"


def _object_problems(value: Any, type_: Any, at: str, depth: int) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{at} must be an object: expected {type_}"
        return
    fields = type_.fields
    unknown = [name for name in value if name not in fields]
    if unknown:
        # not the name itself: a client that mixes up names and values would have it echoed
        yield f"{at} has a field that {type_} does not have (it has {', '.join(fields)})"
    if type_.is_one_of and not unknown and (len(value) != 1 or None in value.values()):
        yield f"{at} must have exactly one field that is not null, one of {', '.join(fields)}"
        return
    for name, field in fields.items():
        if name in value:
            yield from _problems(value[name], field.type, f"{at}.{name}", depth + 1)
        elif is_non_null_type(field.type) and field.default is None and _no_default(field):
            yield f"{at}.{name} must be given, as {field.type}"


def _no_default(field: Any) -> bool:
    return field.default_value is Undefined


def _accepts(type_: Any, value: Any) -> bool:
    try:
        type_.coerce_input_value(value)
    except Exception:  # a scalar's parser may raise anything, and its text may quote the value
        return False
    return True
