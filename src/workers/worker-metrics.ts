import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Snapshot } from './messages.ts';
import type { Worker } from './worker.ts';

/** The metrics of several processes as if they were one: counters and sizes are added up. */
export class WorkerMetrics {
  /** Of this process. */
  readonly registry = new Registry();
  readonly replaced: Counter;
  readonly #last = new Map<Worker, Snapshot>();
  /** What workers that are gone have counted, as it was last read: a counter that falls would be taken for a restart. */
  #gone: Snapshot = [];

  /** @param running how many workers take requests */
  constructor(running: () => number) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: 'postern_workers',
      help: 'Workers that take requests.',
      registers,
      collect() {
        this.set(running());
      },
    });
    this.replaced = new Counter({
      name: 'postern_workers_replaced_total',
      help: 'Workers that ended by themselves, and another one was started.',
      registers,
    });
  }

  /** All of them, those of a worker that does not answer as they were last read. */
  async read(workers: readonly Worker[]): Promise<string> {
    await Promise.all(workers.map((worker) => this.#readFrom(worker)));
    const snapshots = [await this.registry.getMetricsAsJSON(), ...this.#last.values(), this.#gone];
    return aggregated(snapshots).metrics();
  }

  /** Keeps what it has counted, and nothing else of it. */
  async keepCountsOf(worker: Worker): Promise<void> {
    const counted = (this.#last.get(worker) ?? []).filter(({ type }) => COUNTED.includes(String(type)));
    this.#last.delete(worker);
    this.#gone = await aggregated([this.#gone, counted]).getMetricsAsJSON();
  }

  async #readFrom(worker: Worker): Promise<void> {
    const snapshot = await worker.ask('metrics').catch(() => undefined);
    if (snapshot !== undefined && !worker.hasEnded) this.#last.set(worker, snapshot);
  }
}

const COUNTED = ['counter', 'histogram', 'summary'];

function aggregated(snapshots: readonly Snapshot[]): Registry {
  return AggregatorRegistry.aggregate(snapshots.map((snapshot) => snapshot.map(ofMany)));
}

/** An average would hide the one process that is blocked; the start time is that of the first. */
function ofMany(metric: Snapshot[number]): Snapshot[number] {
  if (metric.aggregator === 'average') return { ...metric, aggregator: 'max' };
  return metric.aggregator === 'omit' ? { ...metric, aggregator: 'first' } : metric;
}
