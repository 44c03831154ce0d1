// Composes the four described sources into the supergraph that the gateway serves.
import { writeFileSync } from "node:fs";
import { defineConfig } from "@graphql-mesh/compose-cli";
import { loadOpenAPISubgraph } from "@omnigraph/openapi";
import { descriptions } from "./openapi.mjs";

function subgraph([name, description]) {
  const file = `./${name}-${process.env.RUN}.openapi.json`;
  writeFileSync(file, JSON.stringify(description));
  return { sourceHandler: loadOpenAPISubgraph(name, { source: file }) };
}

export const composeConfig = defineConfig({
  subgraphs: Object.entries(descriptions(process.env.STUB)).map(subgraph),
});
