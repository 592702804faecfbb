import type { ShadowLogin } from '../observe/user-store-events.ts';
import { BackgroundTasks } from './background-tasks.ts';
import type { UserStore, Verdict } from './user-store.ts';

export type ShadowReport = (login: Omit<ShadowLogin, 'store' | 'shadow'>) => void;

/** Asks a second store about logins that a first one has decided, beside their answers, and tells what it says. */
export class ShadowLogins {
  readonly #shadow: UserStore;
  readonly #report: ShadowReport;
  readonly #tasks = new BackgroundTasks();

  constructor(shadow: UserStore, report: ShadowReport) {
    this.#shadow = shadow;
    this.#report = report;
  }

  compare(username: string, password: string, verdict: Verdict['outcome']): void {
    const taken = this.#tasks.offer(async () => {
      this.#report({ username, verdict, ...(await this.#ask(username, password, verdict)) });
    });
    if (!taken) this.#report({ username, verdict, outcome: 'dropped' });
  }

  close(): Promise<void> {
    return this.#tasks.close();
  }

  async #ask(
    username: string,
    password: string,
    verdict: Verdict['outcome'],
  ): Promise<Pick<ShadowLogin, 'outcome' | 'shadowVerdict' | 'cause'>> {
    try {
      const { outcome: shadowVerdict } = await this.#shadow.verify(username, password);
      return { shadowVerdict, outcome: compareVerdicts(verdict, shadowVerdict) };
    } catch (cause) {
      return { outcome: 'unavailable', cause };
    }
  }
}

/** Only who is let in counts: the two may differ in whom they know, for there may be other stores. */
function compareVerdicts(verdict: Verdict['outcome'], shadowVerdict: Verdict['outcome']): ShadowLogin['outcome'] {
  if ((verdict === 'accepted') === (shadowVerdict === 'accepted')) return 'agree';
  return shadowVerdict === 'accepted' ? 'disagree_accepted' : 'disagree_rejected';
}
