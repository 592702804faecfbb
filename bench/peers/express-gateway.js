import { cpSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import gateway from 'express-gateway';

/** Runs Express Gateway. Its argument is the folder of its configuration; the models of its users are its own. */
const folder = process.argv[2];
const models = join(dirname(fileURLToPath(import.meta.resolve('express-gateway'))), 'config', 'models');
cpSync(models, join(folder, 'models'), { recursive: true });
gateway().load(folder).run();
