"""The executor: graphql-core's, except where a selection is planned (`plan`). Results and errors are the same either way."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, cast

from graphql import (
    ExecutionResult,
    GraphQLObjectType,
    GraphQLSchema,
    default_field_resolver,
    default_type_resolver,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import FieldDetailsList, FragmentDetails, GroupedFieldSet
from graphql.execution.values import VariableValues, get_argument_values
from graphql.pyutils import Path, gather_with_cancel
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.execution.documents import Operation
from gateway.execution.plan import Plan, Plans, Selections, Step, key, planned
from gateway.execution.prepared import Arguments
from gateway.execution.projection import Projector
from resolvers.loading import Wanted, finished

Waiting = list[tuple[Step, Arguments, Wanted]]


async def executed(
    schema: GraphQLSchema,
    operation: Operation,
    variables: VariableValues,
    context: Any,
    *,
    compiled: bool = True,
) -> ExecutionResult:
    """Runs an operation with variables that were coerced before. What `graphql.execute` does, less what is known already."""
    executor = CompiledExecutor(
        schema,
        dict(operation.fragments),
        {name: FragmentDetails(fragment) for name, fragment in operation.fragments.items()},
        None,
        context,
        operation.node,
        variables,
        default_field_resolver,
        default_type_resolver,
        default_field_resolver,
        plans=operation.plans if compiled else None,
    )
    try:
        result = executor.execute_operation()
        answer = result if isinstance(result, ExecutionResult) else await cast("Awaitable[Any]", result)
        assert isinstance(
            answer, ExecutionResult
        )  # nothing is delivered incrementally: the schema has no @defer
        return answer
    finally:
        # it refers to itself through its helpers, and would hold the whole answer until the garbage collector comes
        executor.async_helpers = None  # type: ignore[assignment]


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
        work = _Work(self, parent_type, source_value, path, position_context, grouped_field_set)
        try:
            for step in plan.steps:
                work.take(step, later=plan.mixed)
        except Exception:
            self.settle_in_background([awaitable for _, awaitable in work.under_way])
            raise
        return work.completed()

    def complete_list_value(
        self,
        return_type: Any,
        field_details_list: FieldDetailsList,
        info: Any,
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """graphql-core's, but objects of which nothing has to be executed do not become a task each."""
        if self._selections is not None and result.__class__ is list:
            works = self._listed(return_type.of_type, field_details_list, path, result, position_context)
            if works is not None:
                return self._all(works, return_type.of_type, field_details_list, path)
        return super().complete_list_value(
            return_type, field_details_list, info, path, result, position_context
        )

    def _listed(
        self, item_type: Any, nodes: FieldDetailsList, path: Path, items: list[Any], position: Any
    ) -> list[_Work | None] | None:
        """The work on each object; None where this is no list for it."""
        type_ = item_type.of_type if is_non_null_type(item_type) else item_type
        if not is_object_type(type_):
            return None
        grouped = self.collect_subfields(type_, nodes).grouped_field_set
        plan = self._plan(type_, grouped)
        if plan is None or plan.mixed:
            return None
        works: list[_Work | None] = []
        for index, item in enumerate(items):
            if item is None and type_ is item_type:
                works.append(None)
            elif item is None or (type_.is_type_of and type_.is_type_of(item, None) is not True):  # type: ignore[arg-type]
                return None
            else:
                works.append(_Work(self, type_, item, path.add_key(index), position, grouped))
        for index, work in enumerate(works):
            if work is not None and not self._begun(work, plan, item_type, nodes, path.add_key(index)):
                works[index] = None
        return works

    def _begun(self, work: _Work, plan: Plan, item_type: Any, nodes: FieldDetailsList, path: Path) -> bool:
        """Begins with all fields of one object; False where an error made it null."""
        try:
            for step in plan.steps:
                work.take(step, later=False)
        except Exception as error:
            self.settle_in_background([awaitable for _, awaitable in work.under_way])
            self.handle_field_error(error, item_type, nodes, path)
            return False
        return True

    async def _all(
        self, works: list[_Work | None], item_type: Any, nodes: FieldDetailsList, path: Path
    ) -> list[Any]:
        """All objects of a list, none waiting for another."""

        async def one(index: int, work: _Work | None) -> Any:
            if work is None:
                return None
            try:
                completed = work.completed()
                return await completed if self.is_awaitable(completed) else completed
            except Exception as error:
                self.handle_field_error(error, item_type, nodes, path.add_key(index))
                return None

        if any(work is not None and work.under_way for work in works):
            return await gather_with_cancel(*(one(n, work) for n, work in enumerate(works)))
        return [await one(n, work) for n, work in enumerate(works)]

    def _plan(self, parent: GraphQLObjectType, grouped: GroupedFieldSet) -> Plan | None:
        known = self._known.get(id(grouped))
        if known is not None:
            return known[1]
        assert self._selections is not None
        name = key(parent, grouped)
        if name not in self._selections:
            projector = Projector(self.schema, self._collected)
            self._selections[name] = planned(
                self.schema, self.fragment_definitions, self.variable_values, projector, parent, grouped
            )
        plan = self._selections[name]
        self._known[id(grouped)] = (grouped, plan)  # kept, so that no other set gets its id
        return plan

    def _collected(self, type_: GraphQLObjectType, nodes: FieldDetailsList) -> GroupedFieldSet:
        return self.collect_subfields(type_, nodes).grouped_field_set


class _Work:
    """The fields of one object, under way."""

    __slots__ = ("_at", "_executor", "_later", "_run", "_waiting", "results", "under_way")

    def __init__(
        self,
        executor: CompiledExecutor,
        parent: GraphQLObjectType,
        source: Any,
        path: Path | None,
        position: Any,
        grouped: GroupedFieldSet,
    ) -> None:
        self._executor = executor
        self._at = (parent, source, path, position)
        self._later = False
        self._run: list[Step] = []
        self._waiting: Waiting = []
        self.results: dict[str, Any] = dict.fromkeys(grouped)  # the order of the answer
        self.under_way: list[tuple[str, Awaitable[Any]]] = []  # with "" what fills in its fields itself

    def take(self, step: Step, *, later: bool) -> None:
        """Does a field, or begins with it. With `later`, what is asked for is asked together with what other fields' resolvers
        ask for, in the order of the document: these start only in a later turn of the event loop.
        """
        if step.plain is not None:
            try:
                self.results[step.name] = step.plain(self._at[1])
                return
            except Exception:  # noqa: S110 - whatever is wrong, graphql-core says it
                pass
        elif step.prepared is not None:
            if later or self._later:
                self._run.append(step)
                return
            if self._want(step, self._waiting):
                return
            self._later = True
        self._close_run()
        self.under_way += self._executed(step)

    def completed(self) -> Any:
        """The object's part of the answer, or what gives it."""
        self._close_run()
        if not self.under_way:
            return self._read(self._waiting) if self._waiting else self.results
        if self._waiting:
            self.under_way.insert(0, ("", self._read(self._waiting)))
        return self._gathered(self.under_way)

    def _close_run(self) -> None:
        if self._run:
            self.under_way.append(("", self._asked(self._run)))
            self._run = []

    async def _asked(self, steps: list[Step]) -> None:
        waiting: Waiting = []
        others = [each for step in steps if not self._want(step, waiting) for each in self._executed(step)]
        await self._gathered([("", self._read(waiting)), *others])

    async def _gathered(self, under_way: list[tuple[str, Awaitable[Any]]]) -> dict[str, Any]:
        values = await gather_with_cancel(*(awaitable for _, awaitable in under_way))
        self.results.update((name, value) for (name, _), value in zip(under_way, values, strict=True) if name)
        return self.results

    def _want(self, step: Step, waiting: Waiting) -> bool:
        """Asks for what a prepared field needs; False where the resolver has to be called."""
        assert step.prepared is not None
        parent, source, path, _ = self._at
        try:
            arguments = step.arguments
            if arguments is None:
                variables = self._executor.variable_values
                arguments = get_argument_values(step.field, step.nodes[0].node, variables)
            wanted = step.prepared.want(source, arguments, step.names, Path(path, step.name, parent.name))
        except Exception:
            return False
        if wanted is None:
            return False
        waiting.append((step, arguments, wanted))
        return True

    async def _read(self, waiting: Waiting) -> dict[str, Any]:
        """Prepared fields, when what they need is there. What is wrong with one is graphql-core's to say."""
        for _, _, wanted in waiting:
            await finished(wanted)
        source = self._at[1]
        others: list[tuple[str, Awaitable[Any]]] = []
        for step, arguments, wanted in waiting:
            assert step.prepared is not None
            assert step.project is not None
            try:
                self.results[step.name] = step.project(step.prepared.read(source, arguments, wanted))
            except Exception:
                others += self._executed(step)
        return await self._gathered(others) if others else self.results

    def _executed(self, step: Step) -> list[tuple[str, Awaitable[Any]]]:
        """One field in graphql-core's way; what is still to wait for, if anything."""
        parent, source, path, position = self._at
        below = Path(path, step.name, parent.name)
        if step.direct is not None:
            return [(step.name, self._directed(step, below))]
        result = self._executor.execute_field(parent, source, step.nodes, below, position)
        self.results[step.name] = result
        return [(step.name, result)] if self._executor.is_awaitable(result) else []

    def _directed(self, step: Step, path: Path) -> Awaitable[Any]:
        """What a root field's resolver finds, completed by graphql-core."""
        executor, (parent, _, _, position) = self._executor, self._at

        async def found() -> Any:
            assert step.direct is not None
            arguments = get_argument_values(step.field, step.nodes[0].node, executor.variable_values)
            return await step.direct(executor.context_value, arguments, path)

        info = executor.build_resolve_info(step.field, [d.node for d in step.nodes], parent, path)
        return executor.complete_awaitable_value(step.field.type, step.nodes, info, path, found(), position)
