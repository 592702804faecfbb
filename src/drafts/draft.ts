import type { RouteConfig } from '../config/schema.ts';

/** A route that is still to be written. */
export interface Draft extends Pick<RouteConfig, 'path' | 'public' | 'scopes' | 'any_scope' | 'upstream'> {
  readonly methods: readonly Method[];
  readonly host?: string | undefined;
  readonly strip_prefix?: string | undefined;
  /** Lines above it. */
  readonly comments: readonly string[];
  /** Behind its scopes, where somebody has to look at them. */
  readonly review?: string | undefined;
}

export type Method = NonNullable<RouteConfig['methods']>[number];
