import { expressGateway } from './peers/express-gateway.ts';
import { fastify } from './peers/fastify.ts';
import { haproxy } from './peers/haproxy.ts';
import { nginx } from './peers/nginx.ts';
import { nginxAuthRequest } from './peers/nginx-auth-request.ts';
import type { Peer } from './peers/peer.ts';
import { postern } from './peers/postern.ts';

/** In the order in which they take turns. */
export const PEERS: readonly Peer[] = [postern, haproxy, nginx, nginxAuthRequest, fastify, expressGateway];

/** Those that were asked for, or all. @throws Error for a name that is none of theirs. */
export function choosePeers(names: readonly string[]): readonly Peer[] {
  const unknown = names.find((name) => !PEERS.some((peer) => peer.name === name));
  if (unknown !== undefined) throw new Error(`there is no peer ${unknown}: npm run bench -- --list`);
  return PEERS.filter(({ name }) => names.length === 0 || names.includes(name));
}
