import { freePort, stop } from '../../test/support/server-process.ts';
import { program, untilAccepting } from '../bench.ts';
import { AUDIENCE, ISSUER, SCOPE } from '../traffic.ts';
import { nginx, nginxMissing, startNginxGateway } from './nginx.ts';
import { EVERY_FLAW, type Peer, takesAll } from './peer.ts';

/** nginx that asks a small Node server, of bench/programs/verifier.ts, about the token of every request. */
export const nginxAuthRequest: Peer = {
  name: 'nginx-auth-request',
  work: 'nginx as above, and a subrequest to a small Node server that verifies signature, exp, iss, aud, typ and scope with jose, and remembers nothing. Both count.',
  refuses: EVERY_FLAW,
  missing: nginxMissing,
  version: nginx.version,
  declines: takesAll,

  async start(bench, setting) {
    const port = await freePort();
    const { publicFile, algorithm } = setting.keys;
    const command = [...program('verifier'), String(port), publicFile, algorithm, ISSUER, AUDIENCE];
    const verifier = bench.start('gateway', bench.newFolder('verifier'), command);
    await untilAccepting(verifier, port);
    const gateway = await startNginxGateway(bench, setting, {
      http: `upstream verifier { server 127.0.0.1:${port}; keepalive 1024; keepalive_requests 1000000000; }`,
      server: `
        auth_request_set $user $upstream_http_x_user;
        proxy_set_header X-User $user;
        location = /_verify {
          internal;
          proxy_pass http://verifier;
          proxy_pass_request_body off;
          proxy_set_header Connection "";
          proxy_set_header Content-Length "";
          proxy_set_header X-Required-Scope $required_scope;
        }`,
      location: () => `set $required_scope ${SCOPE}; auth_request /_verify;`,
    });
    return {
      port: gateway.port,
      pids: [...gateway.pids, verifier.pid],
      stop: async () => {
        await Promise.all([gateway.stop(), stop(verifier.process)]);
      },
    };
  },
};
