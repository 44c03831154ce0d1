"""A server that speaks Shopify's Admin GraphQL dialect, version 2026-10: customers and orders.

Settings: `bucket` (points, default 2000), `restore_per_second` (100), `single_query_max` (1000), null for no limit.
A real shop has one currency; here `shopMoney` is in the order's own, so that a client meets several.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    execute,
    parse,
    validate,
)
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sandbox.controls import BadControl, Controls, Guard, control_routes, json_response
from sandbox.records import ShopCustomer, ShopOrder, ShopRefund
from sandbox.shopify_cost import Bucket, CostOf, actual
from sandbox.shopify_schema import schema
from sandbox.shopify_views import TYPE_OF, Views
from sandbox.times import iso
from sandbox.webhooks import Change, Delivery, hmac_base64
from sandbox.world import World

TOKEN = "shpat_sandbox0000000000000000000c36001"
VERSION = "2026-10"
DOMAIN = "kaffee-kontor.myshopify.com"


def create_app(world: World, controls: Controls) -> Starlette:
    """The server; `controls` gets the settings it lacks."""
    controls.defaults(bucket=2000, restore_per_second=100, single_query_max=1000)
    dialect = Shopify(world, controls)
    guard = Guard(controls, dialect)
    routes = [guard.route(f"/admin/api/{VERSION}/graphql.json", "graphql", dialect.graphql, "POST")]
    app = Starlette(routes=[*control_routes(controls, dialect), *routes])
    app.add_exception_handler(HTTPException, dialect.no_such_route)
    return app


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A document that was parsed and validated once."""

    document: DocumentNode | None
    errors: list[GraphQLError]


class Shopify:
    """The dialect over one world."""

    def __init__(self, world: World, controls: Controls) -> None:
        self._world, self._controls = world, controls
        self._bucket = Bucket(2000, 100)
        self._documents: dict[str, _Prepared] = {}
        self._views = Views(world)

    # -- what the control side asks ------------------------------------------------------------------------------

    def authenticate(self, request: Request) -> Response | None:
        return None if request.headers.get("x-shopify-access-token") == TOKEN else self.unauthorized()

    def admit(self, request: Request, operation: str) -> Response | None:
        return None  # The limit is on the query's cost, which only the handler knows.

    def unauthorized(self) -> Response:
        message = "[API] Invalid API key or access token (unrecognized login or wrong password)"
        return json_response({"errors": message}, 401)

    def limited(self) -> Response:
        return json_response(self._throttled(10))

    def failed(self) -> Response:
        return json_response({"errors": "Internal Server Error"}, 500)

    def finish(self, response: Response) -> None:
        response.headers["X-Shopify-API-Version"] = VERSION

    async def no_such_route(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return json_response({"errors": "Not Found"}, error.status_code)

    # -- the one endpoint ----------------------------------------------------------------------------------------

    async def graphql(self, request: Request) -> Response:
        try:
            body = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            return json_response({"errors": {"query": "Required parameter missing or invalid"}}, 400)
        query = body.get("query") if isinstance(body, dict) else None
        variables = body.get("variables") or {} if isinstance(body, dict) else {}
        if not isinstance(query, str) or not isinstance(variables, dict):
            return json_response({"errors": {"query": "Required parameter missing or invalid"}}, 400)
        return json_response(self._answer(query, variables, body.get("operationName")))

    def _answer(self, query: str, variables: dict[str, Any], name: str | None) -> dict[str, Any]:
        prepared = self._prepare(query)
        if prepared.errors or prepared.document is None:
            return {"errors": [_formatted(error) for error in prepared.errors]}
        operation = _operation(prepared.document, name)
        if operation is None:
            return {
                "errors": [
                    {"message": "No operation of that name.", "extensions": {"code": "missingOperation"}}
                ]
            }
        for selection in operation.selection_set.selections:
            self._controls.details[getattr(getattr(selection, "name", None), "value", "fragment")] += 1
        cost = CostOf(schema(), _fragments(prepared.document), variables).operation(operation)
        refusal = self._refusal(cost)
        if refusal:
            return refusal
        return self._execute(prepared.document, variables, name, cost)

    def _refusal(self, cost: int) -> dict[str, Any] | None:
        settings = self._controls.settings
        most = settings["single_query_max"]
        if most is not None and cost > most:
            message = f"Query cost is {cost}, which exceeds the single query max cost limit ({most})."
            return {
                "errors": [{"message": message, "extensions": {"code": "MAX_COST_EXCEEDED", "cost": cost}}]
            }
        bucket = self._bucket
        if settings["bucket"] is None:
            return None
        if (bucket.size, bucket.restore) != (settings["bucket"], settings["restore_per_second"]):
            bucket = self._bucket = Bucket(settings["bucket"], settings["restore_per_second"])
        return None if bucket.take(cost) else self._throttled(cost)

    def _throttled(self, cost: int) -> dict[str, Any]:
        documentation = "https://shopify.dev/api/usage/rate-limits"
        error = {"message": "Throttled", "extensions": {"code": "THROTTLED", "documentation": documentation}}
        return {"errors": [error], "extensions": {"cost": self._cost(cost, None)}}

    def _cost(self, requested: int, spent: int | None) -> dict[str, Any]:
        return {
            "requestedQueryCost": requested,
            "actualQueryCost": spent,
            "throttleStatus": {
                "maximumAvailable": float(self._bucket.size),
                "currentlyAvailable": int(self._bucket.level),
                "restoreRate": float(self._bucket.restore),
            },
        }

    def _prepare(self, query: str) -> _Prepared:
        prepared = self._documents.get(query)
        if prepared is None:
            try:
                document = parse(query)
                prepared = _Prepared(document=document, errors=validate(schema(), document))
            except GraphQLError as error:
                prepared = _Prepared(document=None, errors=[error])
            if len(self._documents) >= 256:
                self._documents.pop(next(iter(self._documents)))
            self._documents[query] = prepared
        return prepared

    def _execute(
        self, document: DocumentNode, variables: dict[str, Any], name: str | None, cost: int
    ) -> dict[str, Any]:
        warnings: list[dict[str, Any]] = []
        result = execute(
            schema(),
            document,
            context_value=warnings,
            variable_values=variables,
            operation_name=name,
            field_resolver=self._views.resolve,
            type_resolver=_type_of,
        )
        assert isinstance(result, ExecutionResult), "all resolvers are synchronous"
        spent = min(cost, actual(result.data))
        if self._controls.settings["bucket"] is not None:
            self._bucket.give_back(cost - spent)
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [_formatted(error) for error in result.errors]
        answer["extensions"] = {"cost": self._cost(cost, spent)}
        if warnings:
            answer["extensions"]["search"] = warnings
        return answer

    # -- changes -------------------------------------------------------------------------------------------------

    def change(self, wish: dict[str, Any]) -> Change:
        """`{"id": gid, "set": {…}}` on a customer (given, family, email, phone, note, state, marketing) or an order
        (email, phone, financial, fulfillment, cancelled: true, refund: hundredths)."""
        values = wish.get("set")
        if not isinstance(values, dict):
            raise BadControl('give "set", an object')
        gid = str(wish.get("id"))
        at = wish.get("at") or self._world.tick()
        if customer := self._world.customers.get(gid):
            _assign(customer, values, ("given", "family", "email", "phone", "note", "state", "marketing"))
            customer.updated = at
            self._world.customers.put(customer)
            return Change(kind="customer", action="updated", record_id=gid, at=at, fields=values)
        if order := self._world.orders.get(gid):
            self._change_order(order, dict(values), at)
            return Change(kind="order", action="updated", record_id=gid, at=at, fields=values)
        raise BadControl("no customer or order has that id")

    def _change_order(self, order: ShopOrder, values: dict[str, Any], at: int) -> None:
        if values.pop("cancelled", False):
            order.cancelled, order.cancel_reason, order.financial = at, "CUSTOMER", "VOIDED"
        if refund := values.pop("refund", None):
            gid = f"gid://shopify/Refund/{self._world.new_id('shopify.refund')}"
            order.refunds.append(ShopRefund(id=gid, created=at, amount=int(refund), note=None))
            order.financial = "REFUNDED" if order.refunded >= order.total else "PARTIALLY_REFUNDED"
        _assign(order, values, ("email", "phone", "financial", "fulfillment"))
        order.updated = at
        self._world.orders.put(order)

    def create(self, wish: dict[str, Any]) -> Change:
        """`{"kind": "order", "customer": gid, "like": order gid?, "at": seconds?}`: a new order of a customer with the
        lines of another; or `{"kind": "customer", "set": {…}, "person": id}`."""
        at = wish.get("at") or self._world.tick()
        if wish.get("kind", "order") == "customer":
            return self._create_customer(wish, at)
        customer = self._world.customers.get(str(wish.get("customer")))
        if customer is None:
            raise BadControl("no customer has that id")
        mine = self._world.orders.find("customer", customer.id)
        model = self._world.orders.get(str(wish.get("like"))) or next(iter(mine or self._world.orders), None)
        if model is None:
            raise BadControl("there is no order to copy the lines from")
        order = ShopOrder(
            id=f"gid://shopify/Order/{self._world.new_id('shopify.order')}",
            number=self._world.new_id("shopify.order_number"),
            customer=customer.id,
            email=customer.email,
            phone=customer.phone,
            created=at,
            processed=at,
            updated=at,
            currency=model.currency,
            lines=model.lines,
            shipping=model.shipping,
            tax=model.tax,
            discount=model.discount,
            financial="PAID",
            fulfillment="UNFULFILLED",
            channel="Online Store",
            gateway="paypal",
            address=customer.addresses[0] if customer.addresses else None,
        )
        self._world.orders.put(order)
        return Change(kind="order", action="created", record_id=order.id, at=at)

    def _create_customer(self, wish: dict[str, Any], at: int) -> Change:
        values = wish.get("set")
        if not isinstance(values, dict):
            raise BadControl('give "set", an object')
        customer = ShopCustomer(
            id=f"gid://shopify/Customer/{self._world.new_id('shopify.customer')}",
            given=None,
            family=None,
            email=None,
            phone=None,
            locale="de",
            state="ENABLED",
            marketing="NOT_SUBSCRIBED",
            marketing_updated=None,
            addresses=[],
            created=at,
            updated=at,
            currency="EUR",
        )
        _assign(customer, values, ("given", "family", "email", "phone", "note", "state", "marketing"))
        self._world.customers.put(customer)
        if wish.get("person"):
            self._world.truth[("shopify", customer.id)] = str(wish["person"])
        return Change(kind="customer", action="created", record_id=customer.id, at=at, fields=values)

    def sign(self, change: Change, url: str, secret: str) -> Delivery:
        """Shopify's signature: base64 HMAC-SHA256 of the raw body."""
        topic = f"{change.kind}s/{'create' if change.action == 'created' else 'updated' if change.kind == 'order' else 'update'}"
        number = int(change.record_id.rpartition("/")[2])
        body = orjson.dumps(
            {
                "id": number,
                "admin_graphql_api_id": change.record_id,
                "updated_at": iso(change.at),
                **self._payload(change),
            }
        )
        headers = {
            "Content-Type": "application/json",
            "X-Shopify-Topic": topic,
            "X-Shopify-Shop-Domain": DOMAIN,
            "X-Shopify-API-Version": VERSION,
            "X-Shopify-Webhook-Id": f"c360-{change.at}-{number}",
            "X-Shopify-Triggered-At": iso(time.time()),
            "X-Shopify-Hmac-SHA256": hmac_base64(secret, body),
        }
        return Delivery(url=url, headers=headers, body=body, topic=topic)

    def _payload(self, change: Change) -> dict[str, Any]:
        if change.kind == "customer":
            customer = self._world.customers.get(change.record_id)
            return {"email": customer.email, "phone": customer.phone} if customer else {}
        order = self._world.orders.get(change.record_id)
        if order is None:
            return {}
        customer_id = int(order.customer.rpartition("/")[2]) if order.customer else None
        return {
            "name": f"#{order.number}",
            "email": order.email,
            "customer": {"id": customer_id} if customer_id else None,
        }


def _assign(record: Any, values: dict[str, Any], allowed: tuple[str, ...]) -> None:
    unknown = sorted(set(values) - set(allowed))
    if unknown:
        raise BadControl(f"cannot set {', '.join(unknown)}; choose from {', '.join(allowed)}")
    for name, value in values.items():
        setattr(record, name, value)


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    if name:
        return next((o for o in operations if o.name and o.name.value == name), None)
    return operations[0] if len(operations) == 1 else None


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}


def _type_of(value: Any, info: Any, abstract: Any) -> str | None:
    return TYPE_OF.get(type(value)) or (value.get("__typename") if isinstance(value, dict) else None)


def _formatted(error: GraphQLError) -> dict[str, Any]:
    formatted: dict[str, Any] = dict(error.formatted)
    formatted.setdefault("extensions", {"code": "BAD_USER_INPUT" if error.path else "undefinedField"})
    return formatted
