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
export async function fetchDocument(url: string, init: FetchInit): Promise<string> {
  try {
    const response = await fetch(url, { ...init, redirect: 'manual' });
    if (response.status === 200) return await boundedText(response);
    await response.body?.cancel();
    throw new Error(`the answer was ${response.status}`);
  } catch (cause) {
    throw new Error(`${url} could not be read`, { cause });
  }
}

/** The bound is on the body as it is after decompression. */
async function boundedText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new Error(`the answer is over ${MAX_BYTES / 1024} kb`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
