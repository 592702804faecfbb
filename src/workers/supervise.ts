import { FollowedFiles } from '../config/followed-files.ts';
import type { Config } from '../config/schema.ts';
import { logWarnings, Operation } from '../generation/operation.ts';
import { createLog } from '../observe/log.ts';
import { Workers } from './workers.ts';

/**
 * A gateway in several processes: this one has the admin address and follows the configuration, the workers take the requests.
 * Nothing listens yet.
 *
 * @throws Error when a file that the configuration names cannot be used.
 */
export async function supervise(config: Config, workers: number): Promise<Operation> {
  const log = createLog(config.log);
  logWarnings(config.warnings, log);
  const files = await FollowedFiles.from(config.files);
  return new Operation(await Workers.open(config, workers, log), files, log);
}
