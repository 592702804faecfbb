import { stop } from '../../test/support/server-process.ts';
import { versionOf } from '../measure/machine.ts';
import { startPostern } from '../postern-process.ts';
import { AUDIENCE, ISSUER, prefixesOf, SCOPE } from '../traffic.ts';
import { EVERY_FLAW, type Peer, type Setting, takesAll } from './peer.ts';

export const postern: Peer = {
  name: 'postern',
  work: 'Verifies signature, exp, iss, aud, typ and the claims of RFC 9068 once for each token that it remembers; revocation, audience and scope of every request. Access log (to a file), metrics, header hygiene, X-Request-Id, X-Forwarded-* and X-User.',
  refuses: EVERY_FLAW,
  missing: () => undefined,
  version: () => `Node ${versionOf(process.execPath, '--version')}`,
  declines: takesAll,

  async start(bench, setting) {
    const { port, pid, process: child } = await startPostern(bench, posternSettings(setting));
    return { port, pids: [pid], stop: () => stop(child) };
  },
};

/** The sections of gateway.yaml that the traffic needs. */
export function posternSettings({ traffic, keys, upstreamPort }: Setting) {
  return {
    tokens: { issuer: ISSUER, audience: AUDIENCE, signing: signingWith(keys) },
    upstreams: {
      api: { targets: [`http://127.0.0.1:${upstreamPort}`], identity_headers: { 'X-User': '{token.sub}' } },
    },
    routes: prefixesOf(traffic).map((prefix) => ({
      path: `${prefix}**`,
      scopes: [SCOPE],
      upstream: 'api',
      max_body: '2gb',
    })),
  };
}

export const signingWith = ({ algorithm, privateFolder }: Setting['keys']) => ({ algorithm, keys_dir: privateFolder });
