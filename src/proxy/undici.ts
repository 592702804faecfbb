import connect from 'undici/lib/core/connect.js';
import undiciErrors from 'undici/lib/core/errors.js';
import client from 'undici/lib/dispatcher/client.js';

/**
 * The parts of undici that forwarding needs. The whole of it has fetch, caches and mocks besides, and took a fifth of the
 * time in which a gateway starts. A test holds them to be the same as undici's own exports.
 */
export const Client: typeof import('undici').Client = client;
export const buildConnector: typeof import('undici').buildConnector = connect;
export const errors: typeof import('undici').errors = undiciErrors;
