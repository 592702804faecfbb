import type * as undici from 'undici';
import { attempt, type Finding } from '../config/finding.ts';
import type { Config, UpstreamConfig } from '../config/schema.ts';
import { unavailable } from '../errors.ts';
import { reach } from '../reach.ts';
import { type HeaderPolicy, headerPolicy } from './headers.ts';
import { buildConnector } from './undici.ts';
import { MOST_REQUESTS, UpstreamTarget } from './upstream-target.ts';

/** All upstreams of a configuration. */
export class Upstreams {
  readonly #byName: ReadonlyMap<string, Upstream>;

  constructor(upstreams: readonly Upstream[]) {
    this.#byName = new Map(upstreams.map((upstream) => [upstream.name, upstream]));
  }

  /** @throws RangeError for a name that the configuration does not have, which its check rules out. */
  get(name: string): Upstream {
    const upstream = this.#byName.get(name);
    if (upstream === undefined) throw new RangeError(`there is no upstream ${name}`);
    return upstream;
  }
}

/** What an upstream is made from. */
export interface UpstreamOrigin {
  readonly name: string;
  readonly config: UpstreamConfig;
  /** Names of headers of the client's that it does not get. */
  readonly neverPassed: readonly string[];
}

export function upstreamsOf({ upstreams, listen }: Pick<Config, 'upstreams' | 'listen'>): readonly UpstreamOrigin[] {
  const { client_certificate_header: header } = listen;
  const neverPassed = header === undefined ? [] : [header];
  return Object.entries(upstreams).map(([name, config]) => ({ name, config, neverPassed }));
}

/** One upstream: targets that take turns. */
export class Upstream {
  readonly name: string;
  readonly config: UpstreamConfig;
  readonly headers: HeaderPolicy;
  readonly targets: readonly UpstreamTarget[];
  #turn = 0;

  constructor({ name, config, neverPassed }: UpstreamOrigin) {
    this.name = name;
    this.config = config;
    this.headers = headerPolicy(config, neverPassed);
    const options = connectionOptions(config);
    this.targets = config.targets.map((url) => new UpstreamTarget(new URL(url), options));
  }

  /**
   * The next target in turn that is not full. Whoever takes it gives it back with `release`.
   *
   * @throws GatewayError `temporarily_unavailable` when all are full.
   */
  acquire(): UpstreamTarget {
    for (let tries = 0; tries < this.targets.length; tries += 1) {
      const target = this.targets[this.#turn] as UpstreamTarget;
      this.#turn = (this.#turn + 1) % this.targets.length;
      if (target.take()) return target;
    }
    throw unavailable(new Error(`all targets of upstream ${this.name} have ${MOST_REQUESTS} requests at once`));
  }

  /** Closes the connections at once; requests in flight fail. */
  async close(): Promise<void> {
    await Promise.all(this.targets.map((target) => target.close()));
  }
}

function connectionOptions(config: UpstreamConfig): undici.Client.Options {
  return {
    connect: connector(config.connect_timeout),
    // Zero is undici's word for no limit.
    headersTimeout: config.response_timeout ?? 0,
    bodyTimeout: config.idle_timeout,
    pipelining: 1,
  };
}

/** Whether each target takes a connection, and shows a certificate for its name. */
export async function probeTargets({ targets, connect_timeout }: UpstreamConfig): Promise<readonly Finding[]> {
  const connect = connector(connect_timeout);
  const found = targets.map((target, index) =>
    attempt(['targets', index], 'upstream-unreachable', () => reach(connect, target)),
  );
  return (await Promise.all(found)).flat();
}

/**
 * TLS names the target (SNI) and checks its certificate for that name. undici would take the request's Host for it, and
 * with `host: preserve` that is what a client chose.
 */
function connector(timeoutMs: number): undici.buildConnector.connector {
  const connect = buildConnector({ timeout: timeoutMs });
  return ({ servername: _, ...options }, callback) => connect(options, callback);
}
