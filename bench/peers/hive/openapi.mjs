// OpenAPI descriptions of the four sources, one each, as their owners would publish them.
const text = { type: "string" };
const maybe = { type: "string", nullable: true };
const flag = { type: "boolean" };
const list = (items) => ({ type: "array", items });
const ref = (name) => ({ $ref: `#/components/schemas/${name}` });
const record = (properties) => ({ type: "object", required: Object.keys(properties), properties });
const money = record({ amount: text, currency: text });

const reach = record({ value: text, label: maybe, primary: flag });
const contact = record({
  id: text,
  displayName: maybe,
  givenName: maybe,
  familyName: maybe,
  birthDate: maybe,
  language: maybe,
  emailAddresses: list(ref("EmailAddress")),
  phoneNumbers: list(ref("PhoneNumber")),
  addresses: list(ref("PostalAddress")),
});
const address = record({
  label: maybe,
  name: maybe,
  street: maybe,
  postcode: maybe,
  city: maybe,
  country: maybe,
  primary: flag,
});
const page = (name) => record({ customer: text, hasMore: flag, nodes: list(ref(name)) });

function description(server, path, operationId, parameters, schemas, item) {
  return {
    openapi: "3.0.3",
    info: { title: operationId, version: "1" },
    servers: [{ url: server }],
    paths: {
      [path]: {
        get: {
          operationId,
          parameters,
          responses: { 200: { description: "found", content: { "application/json": { schema: list(ref(item)) } } } },
        },
      },
    },
    components: { schemas },
  };
}

const many = (name) => ({ name, in: "query", required: true, style: "form", explode: false, schema: list(text) });
const limit = { name: "limit", in: "query", schema: { type: "integer" } };
const feed = [many("customers"), limit];

export const descriptions = (server) => ({
  crm: description(server, "/crm/contacts", "contacts", [many("ids")], {
    Contact: contact,
    EmailAddress: reach,
    PhoneNumber: reach,
    PostalAddress: address,
  }, "Contact"),
  shop: description(server, "/shop/orders", "orders", feed, {
    OrderPage: page("Order"),
    Order: record({ id: text, number: text, at: text, status: text, total: ref("Money"), lines: list(ref("OrderLine")) }),
    OrderLine: record({ title: text, quantity: { type: "integer" }, total: ref("Money") }),
    Money: money,
  }, "OrderPage"),
  support: description(server, "/support/tickets", "tickets", feed, {
    TicketPage: page("Ticket"),
    Ticket: record({ id: text, number: text, at: text, status: text, subject: maybe, priority: maybe }),
  }, "TicketPage"),
  mail: description(server, "/mail/events", "emailEvents", feed, {
    EmailEventPage: page("EmailEvent"),
    EmailEvent: record({ id: text, at: text, type: text, campaign: maybe, link: maybe }),
  }, "EmailEventPage"),
});
