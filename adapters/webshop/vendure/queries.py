"""Every document that is sent to Vendure's Admin API."""

from __future__ import annotations

LOGIN = """
mutation Login($username: String!, $password: String!) {
  login(username: $username, password: $password) { __typename }
}"""

WHO_AM_I = "query WhoAmI { me { id } }"

_CUSTOMER = """
fragment customer on Customer {
  id createdAt updatedAt firstName lastName emailAddress phoneNumber
  groups { name }
  addresses {
    updatedAt fullName company streetLine1 streetLine2 city province postalCode
    country { code } defaultShippingAddress defaultBillingAddress
  }
}"""

_ORDER = """
fragment order on Order {
  id code state createdAt updatedAt orderPlacedAt currencyCode
  totalWithTax subTotalWithTax shippingWithTax
  taxSummary { taxTotal }
  discounts { amountWithTax }
  customer { id }
  channels { code }
  shippingAddress {
    fullName company streetLine1 streetLine2 city province postalCode country countryCode
  }
  payments {
    method state updatedAt
    refunds { id state total reason createdAt updatedAt }
  }
  fulfillments { state updatedAt }
  history(options: { take: 1, sort: { createdAt: DESC }, filter: { type: { eq: "ORDER_CANCELLATION" } } }) {
    items { createdAt data }
  }
}"""

_LINES = """
fragment lines on Order {
  lines { id quantity unitPriceWithTax discountedLinePriceWithTax productVariant { name sku } }
}"""

_PRECISION = "globalSettings { serverConfig { moneyStrategyPrecision } }"

CUSTOMERS = f"""
query Customers($options: CustomerListOptions!) {{
  customers(options: $options) {{ totalItems items {{ ...customer }} }}
}}{_CUSTOMER}"""

CUSTOMERS_OF_ORDERS = f"""
query CustomersOfOrders($options: OrderListOptions!) {{
  orders(options: $options) {{ totalItems items {{ code customer {{ ...customer }} }} }}
}}{_CUSTOMER}"""


def orders_of_customers(lines: bool) -> str:
    """Pages of the orders of many customers."""
    return f"""
query OrdersOfCustomers($customers: CustomerListOptions!, $orders: OrderListOptions!) {{
  {_PRECISION}
  customers(options: $customers) {{
    items {{ id orders(options: $orders) {{ items {{ ...order {"...lines" if lines else ""} }} }} }}
  }}
}}{_ORDER}{_LINES if lines else ""}"""


ORDERS = f"""
query Orders($options: OrderListOptions!) {{
  {_PRECISION}
  orders(options: $options) {{ totalItems items {{ ...order }} }}
}}{_ORDER}"""

CHECK = """
query Check {
  activeChannel { code }
  customers(options: { take: 1 }) { totalItems }
  orders(options: { take: 1, filter: { orderPlacedAt: { isNull: false } } }) { totalItems }
}"""
