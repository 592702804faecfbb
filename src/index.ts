export type { Config } from './config/schema.ts';
export { createGateway, type Gateway, type Listening, readConfig } from './gateway.ts';
