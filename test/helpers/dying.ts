import type { Authority } from '../../src/ca/context.ts';

/**
 * The authority as a process has it that is killed at its `fatal`th write: the write is lost, or done but nobody
 * learns of it, and nothing is written any more.
 */
export function dying(authority: Authority, fatal: number, lost: boolean) {
  const death = Promise.withResolvers<'killed'>();
  let writes = 0;
  const store: Authority['store'] = {
    ...authority.store,
    async write(work) {
      writes += 1;
      if (writes > fatal) throw new Error('killed');
      if (writes === fatal && lost) death.resolve('killed');
      if (writes === fatal && lost) throw new Error('killed');
      const result = await authority.store.write(work);
      if (writes === fatal) death.resolve('killed');
      if (writes === fatal) throw new Error('killed');
      return result;
    },
  };
  return { authority: { ...authority, store }, death: death.promise };
}
