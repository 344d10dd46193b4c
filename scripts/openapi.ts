/** Writes openapi/csc-v1.json from the list of methods: npm run openapi. A test proves that it was run. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { methods } from '../src/http/csc/methods.ts';
import { cscDocument } from '../src/http/csc/openapi.ts';

const file = join(import.meta.dirname, '..', 'openapi', 'csc-v1.json');
writeFileSync(file, `${JSON.stringify(cscDocument(methods, 'https://sign.example.vn'), null, 2)}\n`);
