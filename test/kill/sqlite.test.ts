import t from 'tap';
import { killRounds } from './kill.ts';

t.test('S66, S89: kills on SQLite lose nothing that was answered, and double nothing', (t) =>
  killRounds(t, { engine: 'sqlite' }),
);
