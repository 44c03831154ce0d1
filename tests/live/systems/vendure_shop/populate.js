// Makes the empty shop's database once: countries, taxes, shipping, payment and a small catalogue.
const path = require('path');
const { bootstrap } = require('@vendure/core');
const { populate } = require('@vendure/core/cli');
const { config } = require('./config');
const { initialData } = require('./initial-data');

populate(() => bootstrap(config), initialData, path.join(__dirname, 'products.csv'))
  .then(app => app.close())
  .then(() => process.exit(0))
  .catch(error => {
    console.error(error);
    process.exit(1);
  });
