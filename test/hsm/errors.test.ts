import t from 'tap';
import { KysoError } from '../../src/base/errors.ts';
import { codeOf, fromFailure, remedyFor, toFailure } from '../../src/hsm/errors.ts';

/** As pkcs11js throws from the calls it wraps. */
const wrapped = (name: string, code: number) => Object.assign(new Error(name), { code });

t.test('the number of a PKCS#11 error is read, however pkcs11js throws it', async (t) => {
  t.equal(codeOf(wrapped('CKR_GENERAL_ERROR', 5)), 5);
  t.equal(codeOf(new Error('CKR_VENDOR_DEFINED:27')), 27);
  t.equal(codeOf(new Error('CKR_ATTRIBUTE_READ_ONLY:16\n    at PKCS11.C_SetAttributeValue')), 16);
  t.equal(codeOf(new TypeError('Argument 0 has wrong type. Should be a Buffer')), undefined);
  t.equal(codeOf(wrapped('dlopen failed', 0)), undefined);
  t.equal(codeOf('CKR_GENERAL_ERROR:5'), undefined);
});

t.test('S50, S51: each error has one remedy; what nobody knows ends the process', async (t) => {
  const remedyOf = (code: number) => remedyFor(new Error(`CKR_X:${code}`));
  for (const code of [0xa0, 0xa1, 0xa2, 0xa3, 0xa4]) t.equal(remedyOf(code), 'pinRefused');
  for (const code of [0x82, 0x90, 0xb3, 0x150]) t.equal(remedyOf(code), 'freshSession');
  for (const code of [0x05, 0x30, 0x32, 0x101, 0x190, 0x80000001, 0x4242]) t.equal(remedyOf(code), 'newProcess');
  for (const code of [0x70, 0x1b, 0x110]) t.equal(remedyOf(code), 'none');
  t.equal(remedyFor(new KysoError('tokenUnavailable')), 'newProcess');
  t.equal(remedyFor(new KysoError('integrity')), 'none');
  t.equal(remedyFor(new RangeError('ours')), 'none');
});

t.test('PKCS#11 text leaves the room in the cause only', async (t) => {
  for (const [error, kind] of [
    [wrapped('CKR_PIN_INCORRECT', 0xa0), 'tokenPinRefused'],
    [wrapped('CKR_DEVICE_ERROR', 0x30), 'tokenUnavailable'],
    [wrapped('CKR_MECHANISM_INVALID', 0x70), 'internal'],
    [new KysoError('integrity', 'a key blob does not unwrap', { cause: wrapped('CKR_GENERAL_ERROR', 5) }), 'integrity'],
  ] as const) {
    const { kind: found, message, cause } = fromFailure(structuredClone(toFailure(error)));
    t.equal(found, kind);
    t.notMatch(message, /CKR/);
    t.match(cause, /CKR_\w+ \(\d+\)/);
  }
  t.equal(fromFailure(toFailure(new KysoError('internal', 'ours'))).cause, undefined);
});
