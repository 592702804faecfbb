import { writeFileSync } from 'node:fs';
import { generated } from './generated.ts';

/** `npm run docs`: writes what comes from the schema of gateway.yaml. */
for (const [file, content] of generated()) writeFileSync(file, content);
