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
from gateway.execution.hints import Hint, hint
from gateway.execution.manifest import sha256
from gateway.execution.plan import Plans
from gateway.settings import Limits


class BadDocument(Exception):
    """The document cannot be run; `errors` say why."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(f"{len(errors)} errors in the document")
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a valid document, measured. `hash` is the document's; `hint` says whether its answers may be kept."""

    document: DocumentNode
    node: OperationDefinitionNode
    measure: measures.Measure
    plans: Plans
    fragments: Mapping[str, FragmentDefinitionNode]
    hash: str
    hint: Hint | None


@dataclass(slots=True)
class _Entry:
    document: DocumentNode
    plans: Plans
    hash: str
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
        self._trusted: dict[str, _Entry] = {}
        self._characters = 0

    def __len__(self) -> int:
        return len(self._kept)

    def operation(self, query: str, name: str | None) -> Operation:
        """The operation to run. Raises BadDocument."""
        entry = self._trusted.get(query)
        if entry is None:
            entry = self._kept.get(query)
            if entry is None:
                entry = self._new(query, name)
                self._keep(query, entry)
            else:
                self._kept.move_to_end(query)
        return self._of(entry, name)

    def trust(self, text: str) -> list[str]:
        """Prepares all operations of a document, and keeps it for ever; or says why it could never be run."""
        try:
            self._trusted[text] = self._prepared(text)
        except BadDocument as bad:
            return [_located(error) for error in bad.errors]
        return []

    def _prepared(self, text: str) -> _Entry:
        names = _operation_names(self._parsed(text))
        if not names:
            raise BadDocument([GraphQLError("there is no operation in it")])
        entry = self._new(text, names[0])
        for name in names:
            try:
                # sizes that only the variables tell count as pages of the default size
                self._of(entry, name).measure.check_cost({}, self._limits)
            except GraphQLError as error:
                raise BadDocument([error]) from None
        return entry

    def _new(self, query: str, name: str | None) -> _Entry:
        document = self._parsed(query)
        # measuring comes first: validation takes more than linear time
        node, measure = self._measured(document, name)
        self._validate(document)
        entry = _Entry(document, Plans(document), sha256(query))
        entry.operations[name] = self._operation(entry, node, measure)
        return entry

    def _of(self, entry: _Entry, name: str | None) -> Operation:
        known = entry.operations.get(name)
        if known is None:
            known = self._operation(entry, *self._measured(entry.document, name))
            if len(entry.operations) < 16:
                entry.operations[name] = known
        return known

    def _operation(
        self, entry: _Entry, node: OperationDefinitionNode, measure: measures.Measure
    ) -> Operation:
        kept = hint(self.schema, entry.document, node)
        fragments = {
            d.name.value: d for d in entry.document.definitions if isinstance(d, FragmentDefinitionNode)
        }
        return Operation(entry.document, node, measure, entry.plans, fragments, entry.hash, kept)

    def _parsed(self, query: str) -> DocumentNode:
        try:
            return measures.parse_within(query, self._limits)
        except GraphQLError as error:
            raise BadDocument([error]) from None

    def _measured(
        self, document: DocumentNode, name: str | None
    ) -> tuple[OperationDefinitionNode, measures.Measure]:
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
        return node, measure

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


def _located(error: GraphQLError) -> str:
    places = [f"line {place.line}, column {place.column}" for place in error.locations or ()]
    return f"{error.message} ({places[0]})" if places else error.message


def _operation_names(document: DocumentNode) -> list[str | None]:
    nodes = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    return [node.name.value if node.name else None for node in nodes]


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
