import { pgCore } from './drizzle.ts';

/** `bytea` as Buffer, the type that SQLite's blob has too. */
export const bytes = pgCore.customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' });
