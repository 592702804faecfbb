/** What is between their tags is text to a browser, or nothing that it would send. */
const RAW_TEXT = new Set(['script', 'style', 'textarea', 'title', 'iframe', 'xmp', 'noscript', 'template']);

const TAG_NAME = /[a-z][^\s/>]*/iy;
const TAG_END = /[\s/]*>/y;
const ATTRIBUTE = /[\s/]*([^\s/>=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"'][^\s>]*)))?/y;

interface Tag {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
}

/**
 * The values of the hidden inputs of an HTML page, by their names. The page is read in one pass, which ends where a tag,
 * a comment or a script has no end.
 */
export function hiddenFields(html: string): ReadonlyMap<string, readonly string[]> {
  const fields = new Map<string, string[]>();
  for (const { name: tag, attributes } of tagsOf(html)) {
    const [type, name, value = ''] = ['type', 'name', 'value'].map((key) => attributes.get(key));
    if (tag !== 'input' || type?.toLowerCase() !== 'hidden' || name === undefined) continue;
    const values = fields.get(name);
    if (values) values.push(value);
    else fields.set(name, [value]);
  }
  return fields;
}

function* tagsOf(html: string): Iterable<Tag> {
  let at = html.indexOf('<');
  while (at >= 0) {
    const markup = html.startsWith('<!--', at) ? upTo(/-->/, html, at + 4) : tagAt(html, at + 1);
    if (!markup) return;
    if (markup.tag) yield markup.tag;
    at = html.indexOf('<', markup.end);
  }
}

interface Markup {
  readonly tag?: Tag;
  /** Where what follows begins. */
  readonly end: number;
}

/** The start tag whose name is at `start`, and its content if that is no markup. Other tags are passed by. */
function tagAt(html: string, start: number): Markup | undefined {
  const name = matchAt(TAG_NAME, html, start)?.[0];
  if (name === undefined) return { end: start };
  const attributes = new Map<string, string>();
  let end = start + name.length;
  for (let closing = matchAt(TAG_END, html, end); !closing; closing = matchAt(TAG_END, html, end)) {
    const [text, key, ...values] = matchAt(ATTRIBUTE, html, end) ?? [];
    if (text === undefined || key === undefined) return undefined;
    const value = values.find((form) => form !== undefined) ?? '';
    // The first of one name counts (HTML, "attribute name state").
    if (!attributes.has(key.toLowerCase())) attributes.set(key.toLowerCase(), decode(value));
    end += text.length;
  }
  const tag = { name: name.toLowerCase(), attributes };
  if (!RAW_TEXT.has(tag.name)) return { tag, end };
  return upTo(new RegExp(`</${tag.name}`, 'i'), html, end);
}

/** Slices share the page's memory, so that a page of many scripts is still read in one pass. */
function upTo(ending: RegExp, html: string, start: number): Markup | undefined {
  const found = html.slice(start).search(ending);
  return found < 0 ? undefined : { end: start + found };
}

function matchAt(pattern: RegExp, html: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(html);
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Character references: those of numbers, and the five that templates write into attributes. */
function decode(value: string): string {
  return value.replaceAll(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos));/gi, (_, decimal, hex, name) =>
    name === undefined
      ? String.fromCodePoint(decimal ? Number(decimal) : Number.parseInt(hex, 16))
      : (NAMED[name.toLowerCase()] ?? ''),
  );
}
