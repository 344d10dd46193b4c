import type { ErrorKind } from '../../src/base/errors.ts';

/** What `t.rejects` and `t.throws` should find: a KysoError of this kind. */
export const refused = (kind: ErrorKind) => ({ name: 'KysoError', kind });
