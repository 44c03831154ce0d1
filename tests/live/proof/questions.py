"""The questions of the live proof, in GraphQL: asked of the sources now (`maxStaleness: 0`), whatever is kept of them."""

from __future__ import annotations

_FIELDS = """
fragment Amount on Money { amount currency }
fragment Ordered on Order {
  __typename id at source recordId url updatedAt number status paymentStatus fulfillmentStatus
  total { ...Amount } subtotal { ...Amount } tax { ...Amount } shipping { ...Amount } discount { ...Amount }
  refunded { ...Amount } linesTruncated cancelledAt cancelReason channel paymentMethods
  lines { title sku quantity unitPrice { ...Amount } total { ...Amount } }
  refunds { id }
  shippingAddress { label name company street postcode city region country }
}
fragment Asked on Ticket {
  __typename id at source recordId url updatedAt number subject status priority channel queue tags description solvedAt
  comments(first: 10) {
    nodes { id at source recordId url updatedAt role author public body bodyTruncated }
    pageInfo { hasNextPage } missing
  }
}
fragment Mailed on Message {
  __typename id at source recordId url updatedAt subject sender recipients direction mailbox messageId sentAt size
  body bodyTruncated
}
fragment Person on Customer {
  id redirectedFrom displayName givenName familyName birthDate language
  emailAddresses { value label primary source alsoIn }
  phoneNumbers { value label primary source alsoIn }
  addresses { label name company street postcode city region country primary source alsoIn }
  account { id } consents { purpose } preferences { name value source }
  provenance { field value source recordId observedAt rule agreeing conflicts { value source } }
}
fragment Whole on Customer {
  ...Person
  orders(first: 20) { nodes { ...Ordered } pageInfo { hasNextPage hasPreviousPage } missing }
  tickets(first: 10) { nodes { ...Asked } pageInfo { hasNextPage hasPreviousPage } missing }
  messages(first: 20) { nodes { ...Mailed } pageInfo { hasNextPage hasPreviousPage } missing }
  emailEvents { nodes { id } pageInfo { hasNextPage } missing }
  timeline(first: 50) {
    nodes { __typename id at source recordId } pageInfo { hasNextPage hasPreviousPage } missing
  }
  identity {
    members {
      source recordId linkedAt confidence
      evidence { source recordId rule confidence weight contributions { field agreement weight } at }
    }
  }
  sources { source state fetchedAt error { code message } }
}
"""

CUSTOMER = "query Customer($by: CustomerBy!) { customer(maxStaleness: 0, by: $by) { ...Whole } }" + _FIELDS
"""Everything there is to know about one customer."""
KEPT = CUSTOMER.replace("maxStaleness: 0, ", "")
"""The same, of whatever age is usual."""

_BRIEF = """
fragment Brief on Customer {
  ...Person
  orders(first: 3) { nodes { ...Ordered } pageInfo { hasNextPage hasPreviousPage } missing }
  tickets(first: 3) { nodes { id number subject status at } pageInfo { hasNextPage hasPreviousPage } missing }
  messages(first: 3) { nodes { ...Mailed } pageInfo { hasNextPage hasPreviousPage } missing }
  timeline(first: 3) { nodes { __typename id at source recordId } pageInfo { hasNextPage } missing }
  sources { source state }
}
"""
# Without what nobody here asks for: a document may not hold fragments that it does not use.
_BRIEF_FIELDS = (
    _FIELDS[: _FIELDS.index("fragment Asked")]
    + _FIELDS[_FIELDS.index("fragment Mailed") : _FIELDS.index("fragment Whole")]
)

BRIEF = (
    "query Brief($by: CustomerBy!) { customer(maxStaleness: 0, by: $by) { ...Brief } }"
    + _BRIEF
    + _BRIEF_FIELDS
)
MANY = (
    "query Many($ids: [ID!]!) { customers(maxStaleness: 0, ids: $ids) { ...Brief } }" + _BRIEF + _BRIEF_FIELDS
)
"""The same fields of one customer and of many, with pages small enough for many."""

WHO = "query Who($by: CustomerBy!) { customer(maxStaleness: 0, by: $by) { id } }"
SEARCH = """
query Search($text: String!) {
  search(maxStaleness: 0, text: $text) {
    nodes { id displayName identity { members { source recordId } } } pageInfo { hasNextPage }
  }
}
"""
TIMELINE = """
query Timeline($id: ID!, $first: Int, $after: String) {
  customer(maxStaleness: 0, by: { id: $id }) {
    timeline(first: $first, after: $after) {
      edges { cursor node { __typename id at source recordId } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor } missing
    }
  }
}
"""
THREAD = """
query Thread($id: ID!, $first: Int, $after: String) {
  customer(maxStaleness: 0, by: { id: $id }) {
    tickets(first: 10) {
      nodes {
        recordId
        comments(first: $first, after: $after) {
          nodes { recordId } pageInfo { hasNextPage endCursor }
        }
      }
    }
  }
}
"""
SOURCES = "{ sources { name kind adapter health { ok code } } }"

_REFERENCES = "a { source recordId } b { source recordId }"
RESOLVED = """
query Resolved($by: CustomerBy!) {
  customer(maxStaleness: 0, by: $by) { id redirectedFrom identity { members { source recordId } } }
}
"""
BELIEVED = """
query Believed($id: ID!, $at: DateTime!) {
  customer(maxStaleness: 0, by: { id: $id }) { identity(asOf: $at) { members { source recordId } } }
}
"""
WHY = f"""
query Why($id: ID!, $a: RecordInput!, $b: RecordInput!) {{
  customer(maxStaleness: 0, by: {{ id: $id }}) {{
    identity {{
      why(a: $a, b: $b) {{
        {_REFERENCES} verdict rule confidence weight contributions {{ field agreement weight }} actor reason at
      }}
    }}
  }}
}}
"""
_EVENT = "id kind actor reason at undoes"
HISTORY = f"""
query History($id: ID!) {{
  customer(maxStaleness: 0, by: {{ id: $id }}) {{
    identity {{ history {{ event {{ {_EVENT} }} undoneBy edges {{ {_REFERENCES} verdict rule }} }} }}
  }}
}}
"""
_DECISION = f"{{ customers {{ id redirectedFrom identity {{ members {{ source recordId }} }} }} event {{ {_EVENT} }} }}"
MERGE = f"""
mutation Merge($ids: [ID!]!, $reason: String!) {{ done: mergeCustomers(ids: $ids, reason: $reason) {_DECISION} }}
"""
SPLIT = f"""
mutation Split($id: ID!, $members: [RecordInput!]!, $reason: String!) {{
  done: splitCustomer(id: $id, members: $members, reason: $reason) {_DECISION}
}}
"""
UNDO = f"""
mutation Undo($id: ID!, $reason: String!) {{ done: undoIdentityEvent(id: $id, reason: $reason) {_DECISION} }}
"""
