import type { Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { type RunningUpstream, startUpstream } from '../support/gateway.ts';

export interface RecordingUpstream extends RunningUpstream {
  /** How often somebody has connected, whatever came of it. */
  connections(): number;
  /** All that ever reached it, whether or not it was a request. */
  bytes(): number;
}

/** An upstream that can tell that it got nothing: not one byte, and no connection either. */
export async function startRecordingUpstream(test: TestContext): Promise<RecordingUpstream> {
  const upstream = await startUpstream(test);
  const sockets: Socket[] = [];
  upstream.server.on('connection', (socket) => sockets.push(socket));
  const bytes = () => sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
  return { ...upstream, connections: () => sockets.length, bytes };
}
