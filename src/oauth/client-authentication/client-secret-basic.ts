import type { Attempt, AuthenticationMethod } from './method.ts';
import { isSecretOf } from './secret.ts';

const BASIC = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i;

/**
 * `Authorization: Basic`. RFC 6749 §2.3.1 has id and secret form-encoded before they are joined, but most clients send
 * them raw, so both readings are tried.
 */
export const clientSecretBasic: AuthenticationMethod = ({ authorization = '' }): Attempt | undefined => {
  if (!/^basic(?: |$)/i.test(authorization)) return undefined;
  const readings = readBasic(authorization);
  return {
    methods: ['client_secret_basic'],
    clientIds: readings.map(({ id }) => id),
    async proves(client, hashes) {
      let proven = false;
      for (const { id, secret } of readings) {
        if ((await isSecretOf(client, secret, hashes)) && id === client.id) proven = true;
      }
      return proven;
    },
  };
};

interface Credentials {
  readonly id: string;
  readonly secret: string;
}

function readBasic(authorization: string): Credentials[] {
  const decoded = Buffer.from(BASIC.exec(authorization)?.[1] ?? '', 'base64').toString();
  const colon = decoded.indexOf(':');
  if (colon < 1) return [];
  const raw = { id: decoded.slice(0, colon), secret: decoded.slice(colon + 1) };
  const encoded = { id: formDecode(raw.id), secret: formDecode(raw.secret) };
  if (encoded.id === undefined || encoded.secret === undefined) return [raw];
  return encoded.id === raw.id && encoded.secret === raw.secret ? [raw] : [raw, encoded as Credentials];
}

function formDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined; // A raw percent sign: then the text was not form-encoded.
  }
}
