// The shop's settings: everything that differs from run to run comes in through the environment.
const {
  DefaultJobQueuePlugin,
  DefaultLogger,
  DefaultSearchPlugin,
  LogLevel,
  dummyPaymentHandler,
} = require('@vendure/core');

exports.config = {
  apiOptions: {
    hostname: '127.0.0.1',
    port: Number(process.env.C360_SHOP_PORT),
    adminApiPath: 'admin-api',
    shopApiPath: 'shop-api',
    cors: false,
  },
  authOptions: {
    tokenMethod: 'bearer',
    superadminCredentials: {
      identifier: process.env.C360_SHOP_USER,
      password: process.env.C360_SHOP_PASSWORD,
    },
    cookieOptions: { secret: process.env.C360_SHOP_PASSWORD },
    requireVerification: false,
  },
  dbConnectionOptions: {
    type: 'better-sqlite3',
    synchronize: process.env.C360_SHOP_CREATE === '1',
    logging: false,
    database: process.env.C360_SHOP_DATABASE,
  },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  logger: new DefaultLogger({ level: LogLevel.Warn, timestamp: false }),
  plugins: [
    DefaultJobQueuePlugin.init({ useDatabaseForBuffer: true }),
    DefaultSearchPlugin.init({ bufferUpdates: false, indexStockStatus: true }),
  ],
};
