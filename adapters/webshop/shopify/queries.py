"""Every document that is sent to Shopify, and what each may cost.

Costs follow the vendor's published table (a scalar is 0, an object 1, a connection is sized by `first`), with
2 for what a connection is itself. They are upper bounds. A query may not exceed 1,000 points; batches here stay
below `ROOM`.
"""

from __future__ import annotations

ROOM = 950

ADDRESSES_FIRST = 10
LINES_FIRST = 10
LINES_MORE = 180  # the page size for orders of more lines; one such page costs nearly a whole query
LINES_PAGES = 3

CUSTOMER_COST = 5 + 2 + ADDRESSES_FIRST
LINE_COST = 5
ORDER_COST = 18
STUB_COST = 1
CHECK_COST = 8

KEYS_PER_CALL = 50
CUSTOMERS_PER_CALL = ROOM // CUSTOMER_COST
FOUND_ORDERS_PER_CALL = ROOM // (1 + CUSTOMER_COST)
ORDERS_PER_CALL = ROOM // ORDER_COST


def order_cost(lines: bool) -> int:
    """An order's points, with or without its lines."""
    return ORDER_COST + (2 + LINES_FIRST * LINE_COST if lines else 0)


def orders_per_call(lines: bool) -> int:
    """How many orders fit into one query."""
    return ROOM // order_cost(lines)


def owner_cost(first: int, each: int) -> int:
    """A customer's points with a page of `first` orders at `each` points."""
    return 3 + first * each


_CUSTOMER = f"""
fragment customer on Customer {{
  legacyResourceId firstName lastName locale tags createdAt updatedAt
  defaultEmailAddress {{ emailAddress marketingState marketingUpdatedAt }}
  defaultPhoneNumber {{
    phoneNumber
    smsMarketingConsent {{ state updatedAt }}
  }}
  defaultAddress {{ id countryCodeV2 }}
  addressesV2(first: {ADDRESSES_FIRST}) {{ nodes {{ ...address }} }}
}}
fragment address on MailingAddress {{
  id name company address1 address2 zip city province country countryCodeV2
}}
"""

_ADDRESS = _CUSTOMER[_CUSTOMER.index("fragment address") :]

_MONEY = "{ shopMoney { amount currencyCode } }"

_ORDER = f"""
fragment order on Order {{
  legacyResourceId name createdAt updatedAt cancelledAt cancelReason closed sourceName
  displayFinancialStatus displayFulfillmentStatus paymentGatewayNames
  totalPriceSet {_MONEY} subtotalPriceSet {_MONEY} totalTaxSet {_MONEY}
  totalShippingPriceSet {_MONEY} totalDiscountsSet {_MONEY} totalRefundedSet {_MONEY}
  shippingAddress {{ ...address }}
  refunds {{ legacyResourceId createdAt note totalRefundedSet {_MONEY} }}
  customer {{ legacyResourceId }}
}}
{_ADDRESS}"""

_LINE = f"""
fragment line on LineItem {{
  id name sku quantity originalUnitPriceSet {_MONEY} discountedTotalSet(withCodeDiscounts: true) {_MONEY}
}}
"""

_LINES = f"lineItems(first: {LINES_FIRST}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ ...line }} }}"

_PAGE_INFO = "pageInfo { hasNextPage endCursor }"

FIND_CUSTOMERS = f"""
query FindCustomers($query: String!, $first: Int!, $after: String) {{
  customers(query: $query, first: $first, after: $after) {{ {_PAGE_INFO} nodes {{ ...customer }} }}
}}{_CUSTOMER}"""

FIND_BY_ORDERS = f"""
query FindByOrders($query: String!, $first: Int!, $after: String) {{
  orders(query: $query, first: $first, after: $after) {{
    {_PAGE_INFO} nodes {{ name customer {{ ...customer }} }}
  }}
}}{_CUSTOMER}"""

READ_CUSTOMERS = f"""
query ReadCustomers($ids: [ID!]!) {{
  nodes(ids: $ids) {{ ...customer }}
}}{_CUSTOMER}"""


def _page_orders(name: str, fields: str, fragments: str) -> str:
    return f"""
query {name}($ids: [ID!]!, $first: Int!, $after: String, $query: String) {{
  nodes(ids: $ids) {{
    ... on Customer {{
      legacyResourceId
      orders(first: $first, after: $after, query: $query, sortKey: CREATED_AT, reverse: true) {{
        {_PAGE_INFO} nodes {{ {fields} }}
      }}
    }}
  }}
}}{fragments}"""


PAGE_STUBS = _page_orders("PageOrderStubs", "legacyResourceId createdAt", "")
PAGE_ORDERS = _page_orders("PageOrders", "...order", _ORDER)
PAGE_ORDERS_WITH_LINES = _page_orders("PageOrdersWithLines", f"...order {_LINES}", _ORDER + _LINE)

READ_ORDERS = f"""
query ReadOrders($ids: [ID!]!) {{
  nodes(ids: $ids) {{ ...order }}
}}{_ORDER}"""

READ_ORDERS_WITH_LINES = f"""
query ReadOrdersWithLines($ids: [ID!]!) {{
  nodes(ids: $ids) {{ ...order ... on Order {{ {_LINES} }} }}
}}{_ORDER}{_LINE}"""

READ_LINES = f"""
query ReadLines($id: ID!, $first: Int!, $after: String) {{
  order(id: $id) {{
    lineItems(first: $first, after: $after) {{ {_PAGE_INFO} nodes {{ ...line }} }}
  }}
}}{_LINE}"""

CHANGED_CUSTOMERS = f"""
query ChangedCustomers($query: String, $first: Int!, $after: String) {{
  customers(query: $query, first: $first, after: $after, sortKey: UPDATED_AT) {{
    {_PAGE_INFO} nodes {{ ...customer }}
  }}
}}{_CUSTOMER}"""

CHANGED_ORDERS = f"""
query ChangedOrders($query: String, $first: Int!, $after: String) {{
  orders(query: $query, first: $first, after: $after, sortKey: UPDATED_AT) {{
    {_PAGE_INFO} nodes {{ ...order }}
  }}
}}{_ORDER}"""

CHECK = """
query Check {
  shop { name }
  customers(first: 1) { nodes { legacyResourceId } }
  orders(first: 1) { nodes { legacyResourceId } }
}"""
