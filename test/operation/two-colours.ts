import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import {
  configurationOf,
  type Lifetime,
  login,
  type RunningUpstream,
  replaceFile,
  SECRET_SHA256,
  type Settings,
  startUpstream,
} from '../support/gateway.ts';
import { type ServedGateway, serve } from '../support/serve.ts';

export type Colour = 'red' | 'blue';
const OTHER = { red: 'blue', blue: 'red' } as const;

/** A gateway that is turned from one configuration into another: scope, upstream and headers all differ. */
export interface TwoColours {
  readonly gateway: ServedGateway;
  /** With the scope that only one of the configurations asks for. */
  readonly tokens: Readonly<Record<Colour, string>>;
  /** Writes the other configuration, has it read, and waits until it is in use. */
  turn(colour: Colour): Promise<void>;
}

export async function startTwoColours(context: Lifetime): Promise<TwoColours> {
  const answer = (colour: Colour) =>
    startUpstream(context, ({ headers }, response) => {
      response.end(JSON.stringify([colour, headers['x-colour'], headers.authorization === undefined]));
    });
  const upstreams = { red: await answer('red'), blue: await answer('blue') };
  const gateway = await serve(context, settingsOf('red', upstreams));
  const tokenFor = async (scope: Colour) => (await login(gateway, { scope })).body.access_token ?? '';
  const colours: TwoColours = {
    gateway,
    tokens: { red: await tokenFor('red'), blue: await tokenFor('blue') },
    async turn(colour) {
      let seen = gateway.lines.length;
      replaceFile(gateway.directory, 'gateway.yaml', configurationOf(settingsOf(colour, upstreams)));
      gateway.process.kill('SIGHUP');
      // The reload that is told first may be one that the last turn has begun: then another one is told.
      do {
        seen = await nextReload(gateway, seen);
      } while ((await paint(colours, colour)) !== colour);
    },
  };
  return colours;
}

/** Waits for a reload that is told from the line `from` on. @returns the number of the line after it */
async function nextReload({ lines }: ServedGateway, from: number): Promise<number> {
  for (;;) {
    const told = lines.findIndex((line, index) => index >= from && line.includes('"configuration reloaded"'));
    if (told >= 0) return told + 1;
    await delay(5);
  }
}

const WEB = { id: 'web', auth: 'client_secret_basic', secret_sha256: SECRET_SHA256, grants: ['password'] };

function settingsOf(colour: Colour, upstreams: Readonly<Record<Colour, RunningUpstream>>): Settings {
  return {
    clients: [{ ...WEB, scopes: ['red', 'blue'] }],
    upstreams: {
      api: {
        targets: [upstreams[colour].url],
        identity_headers: { 'X-Colour': colour },
        authorization: colour === 'red' ? 'keep' : 'remove',
      },
    },
    routes: [{ path: '/paint', scopes: [colour], upstream: 'api' }],
  };
}

/** Asks with the token of one colour: it is let through as that colour, or refused for the scope of the other. */
export async function paint({ gateway, tokens }: TwoColours, colour: Colour): Promise<Colour> {
  const response = await fetch(`${gateway.url}/paint`, { headers: { Authorization: `Bearer ${tokens[colour]}` } });
  const body = await response.text();
  if (response.status === 403) {
    const other = OTHER[colour];
    assert.match(response.headers.get('www-authenticate') ?? '', new RegExp(`scope="${other}"`));
    return other;
  }
  assert.equal(response.status, 200, body);
  assert.deepEqual(JSON.parse(body), [colour, colour, colour === 'blue']);
  return colour;
}

export interface Load {
  readonly painted: number;
  stop(): Promise<void>;
}

/** Requests all the time, on many connections. `stop` @throws what went wrong with any of them. */
export function startLoad(colours: TwoColours, connections: number, pauseMs: number): Load {
  let stopped = false;
  let painted = 0;
  const asking = Array.from({ length: connections }, async (_, index) => {
    for (let turn = index; !stopped; turn += 1) {
      await paint(colours, turn % 2 === 0 ? 'red' : 'blue');
      painted += 1;
      await delay(pauseMs);
    }
  });
  const ended = Promise.all(asking);
  ended.catch(() => {});
  return {
    get painted() {
      return painted;
    },
    async stop() {
      stopped = true;
      await ended;
    },
  };
}
