import { createRequire } from 'node:module';

/**
 * The parts of undici that forwarding needs. The whole of it has fetch, caches and mocks besides, and took a fifth of the
 * time in which a gateway starts. A test holds them to be the same as undici's own exports.
 */
const require = createRequire(import.meta.url);

export const Client: typeof import('undici').Client = require('undici/lib/dispatcher/client.js');
export const buildConnector: typeof import('undici').buildConnector = require('undici/lib/core/connect.js');
export const errors: typeof import('undici').errors = require('undici/lib/core/errors.js');
