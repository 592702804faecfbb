export type { Config } from './config/schema.ts';
export { createGateway, type Gateway, type Listening, readConfig } from './gateway.ts';
export type { UserModule, UserModuleContext, UserModuleUser, UserModuleVerdict } from './users/module.ts';
export type { RejectionReason } from './users/user-store.ts';
