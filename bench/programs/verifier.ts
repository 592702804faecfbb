import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { errors, jwtVerify } from 'jose';

/**
 * What nginx's `auth_request` asks: 204 for a good token that has the scope of `X-Required-Scope`, else 401 or 403.
 * Its arguments: port, file of the public key, algorithm, issuer, audience.
 */
const [port, keyFile = '', algorithm = '', issuer = '', audience = ''] = process.argv.slice(2);
const key = createPublicKey(readFileSync(keyFile));

createServer(async (request, response) => {
  const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
  try {
    const rules = { algorithms: [algorithm], issuer, audience, typ: 'at+jwt', requiredClaims: ['exp', 'sub'] };
    const { payload } = await jwtVerify(token, key, rules);
    const scopes = String(payload.scope).split(' ');
    const allowed = scopes.includes(String(request.headers['x-required-scope']));
    response.writeHead(allowed ? 204 : 403, { 'X-User': String(payload.sub) }).end();
  } catch (error) {
    response.writeHead(error instanceof errors.JOSEError ? 401 : 500).end();
  }
}).listen(Number(port), '127.0.0.1');
