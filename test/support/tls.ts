import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as clearRequest, type IncomingHttpHeaders } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Identity } from './certificates.ts';
import type { Lifetime } from './gateway.ts';
import { hearAnswer, keepSecretsIn } from './overheard.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Record<string, unknown>;
}

interface Call {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly form?: Readonly<Record<string, string>>;
  /** The client's certificate. */
  readonly identity?: Identity | undefined;
  readonly tls?: RequestOptions;
}

/** One request on a connection of its own, over TLS if the URL says so, whoever has issued the gateway's certificate. */
export function call(url: string, { method, headers = {}, form, identity, tls }: Call = {}): Promise<Answer> {
  const body = form && new URLSearchParams(form).toString();
  const type = body === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' };
  keepSecretsIn(form);
  const options: RequestOptions = {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...type, ...headers },
    agent: false,
    rejectUnauthorized: false,
    ...(identity && { cert: identity.cert, key: identity.key }),
    ...tls,
  };
  return new Promise((resolve, reject) => {
    const sent = (url.startsWith('https:') ? request : clearRequest)(url, options, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString();
      hearAnswer(url, response.statusCode ?? 0, text);
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: text === '' ? {} : JSON.parse(text),
      });
    });
    sent.on('error', reject).end(body);
  });
}

/** `listen.tls` with these in files of a folder of their own. */
export function tlsFiles(test: Lifetime, server: Identity, authorities?: string) {
  const directory = mkdtempSync(join(tmpdir(), 'postern-tls-'));
  test.after(() => rmSync(directory, { recursive: true }));
  const write = (name: string, content: string) => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  return {
    certificate_file: write('server.pem', server.cert),
    private_key_file: write('server.key', server.key),
    ...(authorities !== undefined && { client_ca_file: write('clients.pem', authorities) }),
  };
}
