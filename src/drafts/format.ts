import { Document, isMap, type YAMLMap } from 'yaml';
import { printable } from '../config/section.ts';
import type { Draft } from './draft.ts';

/** The items of a block list, as `routes` has them, the dashes in the first column. Ends with a newline. */
export function formatDrafts(drafts: readonly Draft[]): string {
  return drafts.map(formatDraft).join('');
}

function formatDraft(draft: Draft): string {
  const document = new Document([toEntry(draft)]);
  const entry = document.getIn([0], true);
  if (isMap(entry)) inlineLists(entry);
  const comments = draft.comments.map((comment) => `# ${printable(comment)}\n`).join('');
  const text = document.toString({ lineWidth: 0, flowCollectionPadding: false });
  const review = draft.review === undefined ? text : text.replace(/^ {2}(any_)?scopes?: .*$/m, `$& # ${draft.review}`);
  return comments + review;
}

function toEntry({ path, methods, public: isPublic, scopes, any_scope, upstream, host, strip_prefix }: Draft): object {
  return {
    path,
    ...(host !== undefined && { host }),
    methods,
    ...(isPublic && { public: true }),
    ...(scopes.length > 0 && { scopes }),
    ...(any_scope.length > 0 && { any_scope }),
    upstream,
    ...(strip_prefix !== undefined && { strip_prefix }),
  };
}

/** `[GET, HEAD]`, on the line of its key. */
function inlineLists(entry: YAMLMap): void {
  for (const key of ['methods', 'scopes', 'any_scope']) Object.assign(entry.get(key, true) ?? {}, { flow: true });
}
