/** A coordinator in a process of its own, for the test that kills one. Answers the pids of its workers. */
import { startToken, type TokenConfig } from '../../src/hsm/pool.ts';
import { workerPids } from './workers.ts';

process.once('message', async ({ config, pin }: { config: TokenConfig; pin: Buffer }) => {
  await startToken(config, pin, { onPinRefused: () => process.exit(1) });
  process.send?.(workerPids());
});
