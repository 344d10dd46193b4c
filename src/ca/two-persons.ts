import { KysoError } from '../base/errors.ts';

/**
 * Outside the sandbox no single person makes an authority or adds to one (S84).
 * @throws KysoError configuration
 */
export function assertTwoPersons(mode: 'sandbox' | 'service' | 'production', persons: readonly string[]): void {
  const distinct = new Set(persons.map((person) => person.trim().normalize('NFC').toLowerCase()));
  if (mode === 'sandbox' || (distinct.size >= 2 && !distinct.has(''))) return;
  throw new KysoError('configuration', 'two persons hold this ceremony together: each gives a name of their own');
}
