/** More than any set of keys or metadata has. */
const MAX_BYTES = 256 * 1024;

export interface FetchInit {
  /** Bounds the whole exchange, the body too. */
  readonly signal: AbortSignal;
  readonly headers?: Headers;
}

/**
 * The text behind a URL that the configuration names: keys, or what says where they are. Redirects are not followed, so
 * that nobody but the configuration chooses where this gateway connects to.
 *
 * @throws Error that names the URL, for anything but a 200 of at most 256 kb.
 */
export async function fetchDocument(url: string, { signal, headers }: FetchInit): Promise<string> {
  const { request } = await import('undici');
  try {
    const { statusCode, body } = await request(url, {
      signal,
      headers: { 'Accept-Encoding': 'identity', ...Object.fromEntries(headers ?? []) },
      // Never full, for undici 7 ends the process where the server closes a connection that it holds (nodejs/undici#5360).
      highWaterMark: 2 * MAX_BYTES,
    });
    if (statusCode === 200) return await boundedText(body);
    await body.dump();
    throw new Error(`the answer was ${statusCode}`);
  } catch (cause) {
    throw new Error(`${url} could not be read`, { cause });
  }
}

async function boundedText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new Error(`the answer is over ${MAX_BYTES / 1024} kb`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
