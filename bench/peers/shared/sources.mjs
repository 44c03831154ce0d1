// What the Node peers share: loaders of the four sources over undici with kept-alive connections, and the resolvers above them.
import { readFileSync } from "node:fs";
import DataLoader from "dataloader";
import { Pool } from "undici";

export const typeDefs = readFileSync(new URL("./schema.graphql", import.meta.url), "utf8");

const pool = new Pool(process.env.STUB, { connections: 20 });

async function get(path) {
  const { statusCode, body } = await pool.request({ path, method: "GET" });
  if (statusCode !== 200) throw new Error(`a source answered ${statusCode}`);
  return body.json();
}

async function contacts(ids) {
  const found = new Map((await get(`/crm/contacts?ids=${ids.join(",")}`)).map((one) => [one.id, one]));
  return ids.map((id) => found.get(id));
}

function feed(path, first) {
  return new DataLoader(async (ids) => {
    const pages = await get(`${path}?customers=${ids.join(",")}&limit=${first}`);
    const found = new Map(pages.map((page) => [page.customer, page]));
    return ids.map((id) => found.get(id));
  });
}

/** New loaders for each request: nothing is kept between requests. */
export class Loaders {
  contacts = new DataLoader(contacts);
  #feeds = new Map();

  feed(path, first) {
    const key = `${path}|${first}`;
    let loader = this.#feeds.get(key);
    if (loader === undefined) this.#feeds.set(key, (loader = feed(path, first)));
    return loader;
  }
}

const contactField = (name) => (customer, _arguments, { loaders }) =>
  (customer.contact ??= loaders.contacts.load(customer.id)).then((contact) => contact[name]);

const connection = (path) => (customer, { first }, { loaders }) => loaders.feed(path, first).load(customer.id);

const recordId = { recordId: (record) => record.id };

export const resolvers = {
  Query: {
    customer: (_root, { by }) => ({ id: by.id }),
    customers: (_root, { ids }) => ids.map((id) => ({ id })),
  },
  Customer: {
    displayName: contactField("displayName"),
    givenName: contactField("givenName"),
    familyName: contactField("familyName"),
    birthDate: contactField("birthDate"),
    language: contactField("language"),
    emailAddresses: contactField("emailAddresses"),
    phoneNumbers: contactField("phoneNumbers"),
    addresses: contactField("addresses"),
    orders: connection("/shop/orders"),
    tickets: connection("/support/tickets"),
    emailEvents: connection("/mail/events"),
  },
  Order: recordId,
  Ticket: recordId,
  EmailEvent: recordId,
};
