import { getPriority, setPriority } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { BEHAVIOURS, type Behaviour, type BehaviourName, Siege } from './siege.ts';

/** Who besieges, how, and from where. */
export type SiegeOrder = Pick<Behaviour, 'connections' | 'openedInMs' | 'addresses'> & {
  readonly url: string;
  readonly name: BehaviourName;
};

/** What the siege has come to. */
export interface SiegeReport {
  readonly open: number;
  readonly statuses: Readonly<Record<number, number>>;
}

// In the world besiegers have machines of their own, and take nothing from those who measure.
setPriority(getPriority() + 10);
const { url, name, ...numbers } = JSON.parse(process.argv[2] ?? '') as SiegeOrder;
const siege = new Siege(url, { ...BEHAVIOURS[name], ...numbers });
while (siege.begun < numbers.connections) await delay(20);
process.on('message', () => process.send?.({ open: siege.open, statuses: siege.statuses } satisfies SiegeReport));
process.send?.('begun');
