"""The executor: graphql-core's, except where a selection is planned (`plan`). Results and errors are the same either way."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from graphql import GraphQLObjectType, is_object_type
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path, Undefined, gather_with_cancel
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.execution.plan import Plan, Plans, Selections, Step, key, planned
from gateway.execution.prepared import Arguments
from gateway.execution.projection import Projector
from resolvers.loading import Wanted, finished

Waiting = list[tuple[Step, Arguments, Wanted]]


class CompiledExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes one operation."""

    def __init__(self, *args: Any, plans: Plans | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._selections: Selections | None = None
        if plans is not None and self.error_propagation and self.middleware_manager is None:
            self._selections = plans.selections(self.variable_values)
        self._known: dict[int, tuple[GroupedFieldSet, Plan | None]] = {}

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: Any,
    ) -> Any:
        """graphql-core's, with what is planned done as planned."""
        plan = None if self._selections is None else self._plan(parent_type, grouped_field_set)
        if plan is None:
            return super().execute_fields(
                parent_type, source_value, path, grouped_field_set, position_context
            )
        results: dict[str, Any] = dict.fromkeys(grouped_field_set)  # the order of the answer
        under_way: list[str] = []
        waiting: Waiting = []
        try:
            for step in plan:
                if step.plain is not None:
                    try:
                        results[step.name] = step.plain(source_value)
                        continue
                    except Exception:  # noqa: S110 - whatever is wrong, graphql-core says it
                        pass
                elif step.prepared is not None and self._want(step, parent_type, source_value, path, waiting):
                    continue
                self._execute(step, parent_type, source_value, path, position_context, results, under_way)
        except Exception:
            if under_way:
                self.settle_in_background([results[name] for name in under_way])
            raise
        if not under_way and not waiting:
            return results
        return self._completed(
            results, under_way, waiting, (parent_type, source_value, path, position_context)
        )

    def _plan(self, parent: GraphQLObjectType, grouped: GroupedFieldSet) -> Plan | None:
        known = self._known.get(id(grouped))
        if known is not None:
            return known[1]
        assert self._selections is not None
        name = key(parent, grouped)
        if name not in self._selections:
            projector = Projector(self._collected, self.schema.get_field, self._implementations)
            self._selections[name] = planned(
                self.schema, self.fragment_definitions, self.variable_values, projector, parent, grouped
            )
        plan = self._selections[name]
        self._known[id(grouped)] = (grouped, plan)  # kept, so that no other set gets its id
        return plan

    def _collected(self, type_: GraphQLObjectType, nodes: FieldDetailsList) -> GroupedFieldSet:
        return self.collect_subfields(type_, nodes).grouped_field_set

    def _implementations(self, type_: Any) -> list[GraphQLObjectType]:
        return [t for t in self.schema.get_possible_types(type_) if is_object_type(t)]

    def _want(
        self, step: Step, parent: GraphQLObjectType, source: Any, path: Path | None, waiting: Waiting
    ) -> bool:
        """Asks for what a prepared field needs; False where the resolver has to be called."""
        assert step.prepared is not None
        assert step.field is not None
        try:
            arguments = step.arguments
            if arguments is None:
                arguments = get_argument_values(step.field, step.nodes[0].node, self.variable_values)
            wanted = step.prepared.want(source, arguments, step.names, Path(path, step.name, parent.name))
        except Exception:
            return False
        if wanted is None:
            return False
        waiting.append((step, arguments, wanted))
        return True

    def _execute(
        self,
        step: Step,
        parent: GraphQLObjectType,
        source: Any,
        path: Path | None,
        position: Any,
        results: dict[str, Any],
        under_way: list[str],
    ) -> None:
        """One field in graphql-core's way."""
        result = self.execute_field(parent, source, step.nodes, Path(path, step.name, parent.name), position)
        if result is Undefined:
            del results[step.name]
            return
        results[step.name] = result
        if self.is_awaitable(result):
            under_way.append(step.name)

    async def _completed(
        self, results: dict[str, Any], under_way: list[str], waiting: Waiting, at: tuple[Any, ...]
    ) -> dict[str, Any]:
        """All fields of an object, each as soon as what it needs is there."""
        if not under_way:
            await self._read(results, waiting, at)
            return results
        work: list[Awaitable[Any]] = [results[name] for name in under_way]
        if waiting:
            work.append(self._read(results, waiting, at))
        results.update(zip(under_way, await gather_with_cancel(*work), strict=False))
        return results

    async def _read(self, results: dict[str, Any], waiting: Waiting, at: tuple[Any, ...]) -> None:
        parent, source, path, position = at
        for _, _, wanted in waiting:
            await finished(wanted)
        again: list[str] = []
        for step, arguments, wanted in waiting:
            assert step.prepared is not None
            assert step.project is not None
            try:
                results[step.name] = step.project(step.prepared.read(source, arguments, wanted))
            except Exception:
                self._execute(step, parent, source, path, position, results, again)
        if again:
            values = await gather_with_cancel(*(results[name] for name in again))
            results.update(zip(again, values, strict=True))
