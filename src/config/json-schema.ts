import * as z from 'zod';
import { include, sections } from './schema.ts';

/** A JSON Schema (draft 7, which all editors know), as far as it is used here. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | false;
  readonly propertyNames?: JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minLength?: number;
  /** What holds where the key is left out, in words, if that is no value. */
  readonly absent?: string;
  /** Whether an empty value is taken for none. */
  readonly emptyIsAbsent?: boolean;
  readonly $ref?: string;
}

/** The schema that gateway.yaml is held against, with all that is said of its keys. */
export function describeKeys(): JsonSchema {
  const file = z.strictObject({ include: include.optional(), ...sections });
  return z.toJSONSchema(file, { io: 'input', target: 'draft-7' }) as JsonSchema;
}

/**
 * The JSON Schema of gateway.yaml, for editors. It is never stricter than the gateway, and knows less: what follows from
 * several keys, and whether a section is missing, which may be in another file.
 */
export function editorSchema(): object {
  const { properties = {}, additionalProperties } = describeKeys();
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'gateway.yaml',
    type: 'object',
    properties: mapValues(properties, forEditors),
    additionalProperties,
  };
}

/** What holds where a key is left out, in Markdown: `15m` in code, or words. Undefined: nothing does. */
export function defaultOf({ absent, default: value, properties }: JsonSchema): string | undefined {
  if (absent !== undefined) return absent;
  // The defaults of a mapping are those of its keys.
  return value === undefined || properties ? undefined : `\`${JSON.stringify(value).replaceAll('"', '')}\``;
}

function forEditors(schema: JsonSchema): JsonSchema {
  // What refers to something is any tree of YAML, which refers to itself.
  if (schema.$ref !== undefined) return {};
  const { absent: _, emptyIsAbsent = false, propertyNames, ...plain } = schema;
  const { properties, additionalProperties, items, anyOf, oneOf } = plain;
  return withVariables(
    {
      ...plain,
      ...(schema.description !== undefined && { description: hoverText(schema) }),
      ...(properties && { properties: mapValues(properties, forEditors) }),
      ...(additionalProperties && { additionalProperties: forEditors(additionalProperties) }),
      ...(propertyNames?.pattern !== undefined && { propertyNames }),
      ...(items && { items: forEditors(items) }),
      ...(anyOf && { anyOf: anyOf.map(forEditors) }),
      ...(oneOf && { oneOf: oneOf.map(forEditors) }),
    },
    emptyIsAbsent,
  );
}

/** With the default, and with links that tell where they lead. */
function hoverText(schema: JsonSchema): string {
  const [text = '', fallback] = [schema.description, defaultOf(schema)].map((markdown) =>
    markdown?.replaceAll(/\]\(#/g, '](configuration.md#').replaceAll(/\[([^\]]+)\]\(([^)]+)\)/g, '$1 (docs/$2)'),
  );
  return fallback && fallback !== 'none' ? `${text} Default: ${fallback}.` : text;
}

/** Text with a variable in it may stand for a text of any form, for a number, true or false. */
const VARIABLE = String.raw`\$\{`;

function withVariables(schema: JsonSchema, emptyIsAbsent: boolean): JsonSchema {
  if (schema.type !== 'string') return schema;
  const { pattern, minLength, ...others } = schema;
  const instead = emptyIsAbsent ? `${VARIABLE}|^$` : VARIABLE;
  if (pattern !== undefined) return { ...others, pattern: `(?:${pattern})|${instead}` };
  const { description, default: value, ...choice } = others;
  // The `type` of a user store decides on its other keys, and so is no variable.
  const isChoice = choice.enum !== undefined || (choice.const !== undefined && emptyIsAbsent);
  if (isChoice)
    return { description, default: value, anyOf: [choice, { type: 'string', pattern: instead }] } as JsonSchema;
  return emptyIsAbsent || minLength === undefined ? others : { ...others, minLength };
}

function mapValues(values: Readonly<Record<string, JsonSchema>>, change: (schema: JsonSchema) => JsonSchema) {
  return Object.fromEntries(Object.entries(values).map(([key, schema]) => [key, change(schema)]));
}
