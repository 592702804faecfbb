import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

export interface IssuerKey {
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK & { readonly kid: string; readonly alg: string };
}

export interface RunningIssuer {
  readonly url: string;
  /** Signs unless a test brings another key. */
  readonly key: IssuerKey;
  /** What the JWKS has. */
  published: JWK[];
  /** Laid over the metadata. */
  metadata: Record<string, unknown>;
  /** The paths that were asked for. */
  readonly asked: string[];
  /** Answers instead, as long as it is set. */
  answer: RequestListener | undefined;
  /** An access token as most providers write it; what is undefined is left out. */
  sign(changes?: object, header?: object, key?: IssuerKey): Promise<string>;
}

export const ISSUER_AUDIENCE = 'https://api.example/new';

export async function makeKey(kid: string, alg = 'RS256'): Promise<IssuerKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg);
  return { privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg } };
}

/** Making one takes long, so all issuers of a test file share it. */
const key = await makeKey('first');

/** A real server with openid-configuration, at its root, and JWKS. */
export async function startIssuer(test: TestContext): Promise<RunningIssuer> {
  const server = createServer((request, response) => {
    const { url = '' } = request;
    issuer.asked.push(url);
    if (issuer.answer) return issuer.answer(request, response);
    if (url === '/jwks') return void response.end(JSON.stringify({ keys: issuer.published }));
    const metadata = { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks`, ...issuer.metadata };
    const isMetadata = url === '/.well-known/openid-configuration';
    response.writeHead(isMetadata ? 200 : 404).end(JSON.stringify(isMetadata ? metadata : {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  test.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const issuer: RunningIssuer = {
    url,
    key,
    published: [key.publicJwk],
    metadata: {},
    asked: [],
    answer: undefined,
    sign: (changes, header, signing = key) =>
      new SignJWT({ iss: url, aud: ISSUER_AUDIENCE, sub: 'n-1', exp: inHours(2), scope: 'read', ...changes })
        .setProtectedHeader({ alg: signing.publicJwk.alg, kid: signing.publicJwk.kid, typ: 'JWT', ...header })
        .sign(signing.privateKey),
  };
  return issuer;
}

function inHours(hours: number): number {
  return Math.floor(Date.now() / 1000) + hours * 3600;
}
