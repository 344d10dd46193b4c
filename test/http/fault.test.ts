import t from 'tap';
import { KysoError } from '../../src/base/errors.ts';
import { faultOf } from '../../src/http/fault.ts';

const withCode = (code: string) => Object.assign(new Error('from the driver'), { code });

t.test('S67: a database that is away is an outage (503), a mistake of ours a fault (500)', async (t) => {
  t.same(faultOf(withCode('57P01')), { kind: 'unavailable' }, 'PostgreSQL shuts down');
  t.same(faultOf(withCode('ECONNREFUSED')), { kind: 'unavailable' });
  t.same(faultOf(withCode('SQLITE_BUSY')), { kind: 'unavailable' });
  t.same(faultOf(withCode('42703')), { kind: 'internal' }, 'a column that does not exist');
  t.same(faultOf(new TypeError('x')), { kind: 'internal' });
  t.same(faultOf(new KysoError('sadInvalid')), { kind: 'sadInvalid' });
  t.same(faultOf(Object.assign(new Error('too large'), { statusCode: 413 })), { kind: 'requestInvalid', status: 413 });
});
