// Apollo Server on the benchmark's sources; with CACHE=1 its response cache keeps whole answers.
import { ApolloServer } from "@apollo/server";
import { ApolloServerPluginCacheControl } from "@apollo/server/plugin/cacheControl";
import { startStandaloneServer } from "@apollo/server/standalone";
import responseCachePlugin from "@apollo/server-plugin-response-cache";
import { Loaders, resolvers, typeDefs } from "./sources.mjs";

const { default: responseCache = responseCachePlugin } = responseCachePlugin;
const caching = [ApolloServerPluginCacheControl({ defaultMaxAge: 300 }), responseCache()];
const server = new ApolloServer({ typeDefs, resolvers, plugins: process.env.CACHE ? caching : [] });
const { url } = await startStandaloneServer(server, {
  listen: { port: 0, host: "127.0.0.1" },
  context: async () => ({ loaders: new Loaders() }),
});
console.log(new URL(url).port);
