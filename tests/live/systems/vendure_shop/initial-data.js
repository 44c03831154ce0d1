// What a shop needs before it can sell anything.
const dummyPayment = settled => ({
  code: 'dummy-payment-handler',
  arguments: [{ name: 'automaticSettle', value: String(settled) }],
});

exports.initialData = {
  defaultLanguage: 'en',
  defaultZone: 'Europe',
  countries: [
    { code: 'AT', name: 'Austria', zone: 'Europe' },
    { code: 'DE', name: 'Germany', zone: 'Europe' },
    { code: 'GB', name: 'United Kingdom', zone: 'Europe' },
    { code: 'PL', name: 'Poland', zone: 'Europe' },
    { code: 'TR', name: 'Turkey', zone: 'Asia' },
    { code: 'JP', name: 'Japan', zone: 'Asia' },
    { code: 'US', name: 'United States', zone: 'Americas' },
  ],
  taxRates: [
    { name: 'Standard Tax', percentage: 20 },
    { name: 'Reduced Tax', percentage: 10 },
  ],
  shippingMethods: [
    { name: 'Standard Shipping', price: 500 },
    { name: 'Express Shipping', price: 1250 },
  ],
  paymentMethods: [
    { name: 'Prepaid', handler: dummyPayment(true) },
    { name: 'Invoice', handler: dummyPayment(false) },
  ],
  collections: [],
};
