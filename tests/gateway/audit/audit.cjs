// Runs the server audits of the npm package graphql-http: node audit.cjs <folder with node_modules> <URL>
const { createRequire } = require('node:module');
const path = require('node:path');

async function main([folder, url]) {
  const load = createRequire(path.join(path.resolve(folder), 'package.json'));
  const { serverAudits } = load('graphql-http');
  const results = [];
  for (const { id, name, fn } of serverAudits({ url })) {
    const result = await fn();
    results.push({ id, name, status: result.status, reason: result.reason ?? null });
  }
  process.stdout.write(JSON.stringify(results));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
