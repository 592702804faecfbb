import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What an application may answer where a test wants it to be odd. */
export interface OddAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer;
}

export interface LoginApp {
  readonly port: number;
  readonly url: string;
  /** Answers by their path; they go before the application's own. */
  readonly odd: Map<string, OddAnswer>;
  /** Users whose login the application has begun and finished: by session. */
  readonly sessions: Map<string, string>;
  /** What came in so far: `POST /login`. */
  readonly requests: string[];
  stop(): Promise<void>;
}

/**
 * An application with a login of old: a page with a token against forged requests and a cookie for who has not logged in
 * yet, a form that redirects to /home or shows itself again, and a session. It has a login in JSON at /api/login, whose
 * session is a token, and one by Basic at /basic, too. Behind the login, /home and /api/home tell what they were sent.
 */
export async function startLoginApp(people: ReadonlyMap<string, string>): Promise<LoginApp> {
  /** The form's token, by the cookie of the page. Each is good once. */
  const visits = new Map<string, string>();
  const sessions = new Map<string, string>();
  const requests: string[] = [];
  const odd = new Map<string, OddAnswer>();
  const isRight = (username: unknown, password: unknown) =>
    typeof username === 'string' && people.has(username) && people.get(username) === password;

  const pages: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => unknown>> = {
    'GET /login': (_, response) => {
      const [visit, token] = [randomUUID(), `${randomUUID()}&"<é>+/=`];
      visits.set(visit, token);
      response.setHeader('Set-Cookie', [`visit=${visit}; Path=/; HttpOnly`, 'lang=en; Path=/', 'old=; Max-Age=0']);
      showForm(response, token);
    },
    'POST /login': async (request, response) => {
      const form = new URLSearchParams(await bodyOf(request));
      const { visit = '', lang } = cookiesOf(request);
      const token = visits.get(visit);
      visits.delete(visit);
      const forged = token === undefined || form.get('csrf_token') !== token || lang !== 'en';
      if (forged || request.headers.origin !== `http://${request.headers.host}`) return response.writeHead(403).end();
      const username = form.get('user') ?? '';
      if (!isRight(username, form.get('pass'))) return showForm(response, token, 'Wrong user name or password.');
      const session = `${randomUUID()}==`;
      sessions.set(session, username);
      const cookies = [`JSESSIONID=${session}; Path=/; HttpOnly`, 'visit=; Expires=Thu, 01 Jan 1970 00:00:00 GMT'];
      return response.writeHead(302, { Location: '/home?first=1', 'Set-Cookie': cookies }).end();
    },
    'GET /me': (request, response) => {
      const { JSESSIONID: session = '', visit } = cookiesOf(request);
      const username = sessions.get(session);
      if (username === undefined || visit !== undefined) return answerJson(response, 401, { error: 'log in first' });
      return answerJson(response, 200, { id: 7, profile: { name: `Name of ${username}`, groups: ['agents'] } });
    },
    'GET /home': (request, response) => {
      const { JSESSIONID: session = '' } = cookiesOf(request);
      const username = sessions.get(session);
      if (username === undefined) return response.writeHead(302, { Location: '/login' }).end();
      response.setHeader('Set-Cookie', [`JSESSIONID=${session}; Path=/; HttpOnly`, 'seen=1; Path=/']);
      return answerJson(response, 200, { username, cookie: request.headers.cookie?.replace(session, 'its session') });
    },
    'GET /logout': (request, response) => {
      sessions.delete(cookiesOf(request).JSESSIONID ?? '');
      response.writeHead(302, { Location: '/login' }).end();
    },
    'POST /api/login': async (request, response) => {
      const { credentials = {} } = JSON.parse(await bodyOf(request));
      if (!isRight(credentials.login, credentials.secret)) return answerJson(response, 200, { ok: false });
      const token = randomUUID();
      sessions.set(token, credentials.login);
      answerJson(response, 200, { ok: true, token, user: { id: `id of ${credentials.login}`, active: true } });
    },
    'GET /api/home': (request, response) => {
      const username = sessions.get(bearerOf(request));
      answerJson(response, username === undefined ? 401 : 200, { username });
    },
    'DELETE /api/login': (request, response) => {
      response.writeHead(sessions.delete(bearerOf(request)) ? 204 : 401).end();
    },
    'GET /basic': ({ headers }, response) => {
      const [, encoded = ''] = headers.authorization?.split(' ') ?? [];
      const [username, ...rest] = Buffer.from(encoded, 'base64').toString().split(':');
      answerJson(response, isRight(username, rest.join(':')) ? 200 : 401, { name: username });
    },
  };

  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://app');
    const name = `${request.method} ${pathname}`;
    requests.push(name);
    const answer = odd.get(pathname);
    if (answer) return response.writeHead(answer.status ?? 200, answer.headers).end(answer.body);
    const page = pages[name];
    if (page) await page(request, response);
    else response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { port, url: `http://127.0.0.1:${port}`, odd, sessions, requests, stop };
}

/** As template engines write it, with what must not be taken for the token around it. */
function showForm(response: ServerResponse, token: string, message = ''): void {
  const escaped = token
    .replaceAll('&', '&amp;')
    .replaceAll('"', '&quot;')
    .replaceAll('<', '&lt;')
    .replaceAll('+', '&#x2B;');
  response.setHeader('Content-Type', 'text/html; charset=utf-8').end(`<!DOCTYPE html>
    <title>Log in</title><!-- <input type="hidden" name="csrf_token" value="commented out"> -->
    <script>document.write('<input type="hidden" name="csrf_token" value="scripted">')</script>
    <form action=/login method=post><p class='error'>${message}
      <INPUT name="csrf_token" value="${escaped}" TYPE="hidden"/>
      <input name=user><input name=pass type=password><button disabled>Log in</button>
    </form>`);
}

function answerJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

function cookiesOf({ headers }: IncomingMessage): Record<string, string | undefined> {
  const pairs = (headers.cookie ?? '').split('; ').map((pair) => /^([^=]+)=(.*)$/.exec(pair) ?? []);
  return Object.fromEntries(pairs.map(([, name = '', value]) => [name, value]));
}

function bearerOf({ headers }: IncomingMessage): string {
  return /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
