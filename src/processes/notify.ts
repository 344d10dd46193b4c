import { KysoError } from '../base/errors.ts';
import type { Boot } from './boot.ts';

export async function startNotifyProcess(_boot: Boot): Promise<{ stop(): Promise<void> }> {
  throw new KysoError('configuration', 'not built yet');
}
