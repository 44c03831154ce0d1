// Mercurius with graphql-jit on the benchmark's sources.
import Fastify from "fastify";
import mercurius from "mercurius";
import { Loaders, resolvers, typeDefs } from "./sources.mjs";

const app = Fastify();
app.register(mercurius, {
  schema: typeDefs,
  resolvers,
  jit: 1,
  context: () => ({ loaders: new Loaders() }),
});
await app.listen({ port: 0, host: "127.0.0.1" });
console.log(app.server.address().port);
