import type { Generation } from '../generation/generation.ts';
import { Service } from '../generation/service.ts';
import { type AdminRoute, refusal } from '../observe/admin-listener.ts';
import { createLog, type Log } from '../observe/log.ts';
import type { AdminQuestion, Duties } from './messages.ts';

interface Opened {
  readonly service: Service;
  readonly log: Log;
}

/** What a worker does: a gateway's service, without anything of its own for operators. */
export function createDuties(): Duties {
  let opened: Opened | undefined;
  let prepared: { readonly version: number; readonly generation: Generation } | undefined;
  const open = (): Opened => {
    if (opened === undefined) throw new Error('nothing is open yet');
    return opened;
  };
  const discard = async () => {
    const dropped = prepared;
    prepared = undefined;
    await dropped?.generation.retire();
  };
  return {
    async open({ number, config }) {
      const log = createLog(config.log).child({ worker: number });
      const service = await Service.open(config, log);
      opened = { service, log };
      return service.routes.map(({ method, path, isOpen = false }) => ({ method, path, isOpen }));
    },
    listen: () => open().service.listen(),
    async prepare({ version, config }) {
      await discard();
      prepared = { version, generation: await open().service.prepare(config) };
    },
    swap(version) {
      if (prepared?.version !== version) throw new Error('another configuration is prepared');
      const { service, log } = open();
      const { generation } = prepared;
      prepared = undefined;
      if (generation.config.log.level !== service.config.log.level) log.level = generation.config.log.level;
      service.swap(generation);
    },
    discard,
    isReady: () => open().service.isReady(),
    async metrics() {
      const { service } = open();
      await service.refreshGauges();
      return service.registry.getMetricsAsJSON();
    },
    async answer(question) {
      const { service, log } = open();
      try {
        return await answer(service.routes, question);
      } catch (thrown) {
        return refusal(thrown, log);
      }
    },
    drain: () => open().service.drain(),
    async close() {
      await discard();
      await opened?.service.close();
      process.disconnect();
    },
  };
}

async function answer(routes: readonly AdminRoute[], { route, query, id, body }: AdminQuestion) {
  const asked = routes.find(({ method, path }) => method === route.method && path === route.path);
  if (asked === undefined) throw new Error(`no route for ${route.method} ${route.path}`);
  return asked.answer({ query: new URLSearchParams(query), id, body: async () => body });
}
