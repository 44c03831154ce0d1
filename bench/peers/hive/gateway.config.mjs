// Hive Gateway with resolvers of its configuration, which reach the sources' batch endpoints: without them it makes a call a customer.
import { defineConfig } from "@graphql-hive/gateway";

const batched = (source, field, argument) => ({
  selectionSet: "{ id }",
  resolve: (root, args, context, info) =>
    context[source].Query[field]({
      root,
      key: root.id,
      argsFromKeys: (keys) => ({ [argument]: keys, ...(args.first === undefined ? {} : { limit: args.first }) }),
      context,
      info,
    }),
});

export const gatewayConfig = defineConfig({
  supergraph: process.env.SUPERGRAPH,
  host: "127.0.0.1",
  port: Number(process.env.PORT),
  additionalTypeDefs: /* GraphQL */ `
    input CustomerBy { id: ID }
    type Customer {
      id: ID!
      contact: Contact
      orders(first: Int): OrderPage
      tickets(first: Int): TicketPage
      emailEvents(first: Int): EmailEventPage
    }
    extend type Query {
      customer(by: CustomerBy!): Customer
      customers(ids: [ID!]!): [Customer]!
    }
  `,
  additionalResolvers: {
    Query: {
      customer: (_root, { by }) => ({ id: by.id }),
      customers: (_root, { ids }) => ids.map((id) => ({ id })),
    },
    Customer: {
      contact: batched("crm", "contacts", "ids"),
      orders: batched("shop", "orders", "customers"),
      tickets: batched("support", "tickets", "customers"),
      emailEvents: batched("mail", "emailEvents", "customers"),
    },
  },
});
