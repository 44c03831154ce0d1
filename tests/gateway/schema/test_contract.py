"""schema.graphql is the public contract: it says what the code does, and nothing was taken from it unannounced."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType, build_schema
from graphql.type import GraphQLSchema

from gateway.execution.documents import core_schema
from gateway.schema import build_schema as build

ROOT = Path(__file__).parents[3]

PROMISED = {
    "Query": "customer customers search sources node _entities _service",
    "Customer": """id redirectedFrom displayName givenName familyName birthDate language emailAddresses phoneNumbers addresses
        account provenance orders tickets emailEvents messages timeline consents preferences identity sources""",
    "Account": "name industry employees annualRevenue",
    "FieldProvenance": "field value source observedAt rule conflicts",
    "FieldConflict": "value source",
    "Identity": "members",
    "Member": "source recordId linkedAt confidence evidence",
    "SourceStatus": "source state fetchedAt error",
    "Source": "name kind adapter capabilities health",
    "Money": "amount currency",
}


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return core_schema(build())


def test_the_file_says_what_the_code_does() -> None:
    written = (ROOT / "schema.graphql").read_text(encoding="utf-8")
    assert written.strip() == build().as_str().strip(), (
        "run `make schema`, and list a breaking change in CHANGELOG.md"
    )


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_the_promised_fields_are_there(schema: GraphQLSchema, name: str) -> None:
    found = schema.type_map[name]
    assert isinstance(found, GraphQLObjectType)
    assert set(PROMISED[name].split()) <= set(found.fields)


def test_customer_is_looked_up_by_exactly_one_of_four(schema: GraphQLSchema) -> None:
    by = schema.type_map["CustomerBy"]
    assert isinstance(by, GraphQLInputObjectType)
    assert by.is_one_of
    assert set(by.fields) == {"id", "email", "phone", "source"}


def test_source_backed_fields_are_nullable(schema: GraphQLSchema) -> None:
    customer = schema.type_map["Customer"]
    assert isinstance(customer, GraphQLObjectType)
    required = {name for name, field in customer.fields.items() if str(field.type).endswith("!")}
    assert required == {"id", "identity", "sources"}


def test_connections_are_relay_connections(schema: GraphQLSchema) -> None:
    for name, found in schema.type_map.items():
        if isinstance(found, GraphQLObjectType) and name.endswith("Connection"):
            assert {"edges", "pageInfo"} <= set(found.fields)
    timeline = schema.type_map["Activity"]
    assert isinstance(timeline, GraphQLInterfaceType)
    kinds = {t.name for t in schema.get_possible_types(timeline)}
    assert kinds == {"Order", "Ticket", "Comment", "EmailEvent", "Message"}


def test_the_sdl_is_valid_and_a_federation_2_9_subgraph() -> None:
    written = (ROOT / "schema.graphql").read_text(encoding="utf-8")
    assert "federation/v2.9" in written
    assert '@key(fields: "id")' in written
    known = "scalar FieldSet\ndirective @link(url: String, import: [String]) repeatable on SCHEMA\n"
    known += "directive @key(fields: String!, resolvable: Boolean = true) repeatable on OBJECT | INTERFACE\n"
    build_schema(known + written.replace("directive @oneOf on INPUT_OBJECT\n", ""), assume_valid_sdl=True)
