"""Documents, parsed and validated once: a bounded cache of them, by their text."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    validate,
)
from graphql.utilities import get_operation_ast
from graphql.validation import specified_rules
from strawberry import Schema
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule

from gateway import limits as measures
from gateway.execution.entities import check_representations
from gateway.execution.plan import Plans
from gateway.settings import Limits


class BadDocument(Exception):
    """The document cannot be run; `errors` say why."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(f"{len(errors)} errors in the document")
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a valid document, measured."""

    document: DocumentNode
    node: OperationDefinitionNode
    measure: measures.Measure
    plans: Plans
    fragments: Mapping[str, FragmentDefinitionNode]


@dataclass(slots=True)
class _Entry:
    document: DocumentNode
    plans: Plans
    operations: dict[str | None, Operation] = field(default_factory=dict)


class Documents:
    """Parses, measures and validates documents, and keeps the valid ones."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        *,
        max_entries: int = 1000,
        max_characters: int = 4_000_000,
    ) -> None:
        """`max_characters` bounds the sum of the texts that are kept."""
        self.schema = schema
        self._limits = limits
        self._max_entries = max_entries
        self._max_characters = max_characters
        self._kept: OrderedDict[str, _Entry] = OrderedDict()
        self._characters = 0

    def __len__(self) -> int:
        return len(self._kept)

    def operation(self, query: str, name: str | None) -> Operation:
        """The operation to run. Raises BadDocument."""
        entry = self._kept.get(query)
        if entry is not None:
            self._kept.move_to_end(query)
            if (known := entry.operations.get(name)) is not None:
                return known
            found = self._measured(entry.document, entry.plans, name)
        else:
            document = self._parsed(query)
            plans = Plans(document)
            found = self._measured(document, plans, name)
            # measuring comes first: validation takes more than linear time
            self._validate(document)
            entry = _Entry(document, plans)
            self._keep(query, entry)
        if len(entry.operations) < 16:
            entry.operations[name] = found
        return found

    def _parsed(self, query: str) -> DocumentNode:
        try:
            return measures.parse_within(query, self._limits)
        except GraphQLError as error:
            raise BadDocument([error]) from None

    def _measured(self, document: DocumentNode, plans: Plans, name: str | None) -> Operation:
        node = get_operation_ast(document, name)
        if node is None:
            text = (
                "the document has no operation of that name" if name else "name the operation: operationName"
            )
            raise BadDocument([GraphQLError(text)])
        try:
            measure = measures.measure(self.schema, document, node)
            measure.check(self._limits)
        except GraphQLError as error:
            raise BadDocument([error]) from None
        fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        return Operation(document, node, measure, plans, fragments)

    def _validate(self, document: DocumentNode) -> None:
        try:
            errors = validate(
                self.schema, document, [*specified_rules, MaybeNullValidationRule], max_errors=20
            )
        except RecursionError:
            errors = [measures.refuse("the document is nested too deeply", limit="max_depth")]
        if errors:
            raise BadDocument(errors)

    def _keep(self, query: str, entry: _Entry) -> None:
        self._kept[query] = entry
        self._characters += len(query)
        while len(self._kept) > self._max_entries or self._characters > self._max_characters:
            old, _ = self._kept.popitem(last=False)
            self._characters -= len(old)


def core_schema(schema: Schema) -> GraphQLSchema:
    """The graphql-core schema of a Strawberry schema. Schema extensions would not be run, so they are refused."""
    if any(schema.get_extensions()):
        raise TypeError("Strawberry's schema extensions are not run by the gateway")
    core = schema._schema
    for type_ in core.type_map.values():
        # Strawberry checks @oneOf itself, when the field runs; graphql-core does it before, and for variables too
        definition = type_.extensions.get("strawberry-definition")
        if isinstance(type_, GraphQLInputObjectType) and getattr(definition, "is_one_of", False):
            type_.is_one_of = True
    check_representations(core)
    return core
