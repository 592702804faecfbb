/** What a line of an access log says of a request. */
export interface LoggedRequest {
  readonly method: string;
  /** As it was sent, maybe with a query. */
  readonly target: string;
  readonly status: number;
}

/** What is longer is no line of a log; a request target of 8 kb fits. */
const MAX_LINE = 32 * 1024;

/**
 * The requests of an access log, in the gateway's own format (the records that have a path) or in the Common or Combined
 * one of nginx and Apache, line by line.
 *
 * @yields undefined for a line that is none of these.
 */
export async function* readLog(chunks: AsyncIterable<string>): AsyncIterable<LoggedRequest | undefined> {
  for await (const line of linesOf(chunks)) {
    if (line.trim() !== '') yield line.startsWith('{') ? readRecord(line) : readCommon(line);
  }
}

/** Holds no more than a line of what it reads. A line that is too long comes out cut off. */
async function* linesOf(chunks: AsyncIterable<string>): AsyncIterable<string> {
  let rest = '';
  for await (const chunk of chunks) {
    const lines = chunk.split('\n');
    for (const [index, part] of lines.entries()) {
      rest += part.slice(0, MAX_LINE - rest.length);
      if (index === lines.length - 1) break;
      yield rest;
      rest = '';
    }
  }
  yield rest;
}

function readRecord(line: string): LoggedRequest | undefined {
  const { method, path, status } = parsed(line);
  if (typeof method !== 'string' || typeof path !== 'string' || typeof status !== 'number') return undefined;
  return { method, target: path, status };
}

function parsed(line: string): { method?: unknown; path?: unknown; status?: unknown } {
  try {
    return JSON.parse(line);
  } catch {
    return {};
  }
}

/** `address - user [time] "GET /path HTTP/1.1" 200 12 …` */
function readCommon(line: string): LoggedRequest | undefined {
  const start = line.indexOf('] "');
  const match = start < 0 ? null : /^([A-Z]+) (\S+)(?: HTTP\/[\d.]+)?" (\d{3})(?: |$)/.exec(line.slice(start + 3));
  const [, method = '', target = '', status] = match ?? [];
  return match ? { method, target, status: Number(status) } : undefined;
}
