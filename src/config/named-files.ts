import type { Sections } from './check.ts';
import type { UserStoreConfig } from './schema.ts';

/** The files and folders that sections name, as they are written there. */
export function namedFiles({ listen, tokens, users = {} }: Partial<Sections>): readonly string[] {
  const { certificate_file, private_key_file, client_ca_file } = listen?.tls ?? {};
  const ofListener = [certificate_file, private_key_file, client_ca_file, listen?.client_certificate_ca_file];
  const others = [...ofListener, tokens?.signing.keys_dir].filter((path) => path !== undefined);
  return [...others, ...Object.values(users).flatMap(namedByUsers)];
}

/** Those that the section of a user store names. */
export function namedByUsers(store: UserStoreConfig): readonly string[] {
  const path = 'path' in store ? store.path : undefined;
  const ca = 'tls' in store ? store.tls?.ca_file : undefined;
  return [path, ca].filter((name) => name !== undefined);
}
