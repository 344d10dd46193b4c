import t from 'tap';
import { digestOf, replay } from './replay.ts';
import { basicOf, fits, startService } from './service.ts';

/*
 * CSC v1 §13.8: several signatures in one PDF. Each covers the one before it, so their hashes come one after another, under
 * one authorization: as many signatures as are asked for at first, the next hash with each extendTransaction. Kyso allows
 * it to clients with openSlots.
 */

t.test('several signatures in one PDF', async (t) => {
  const service = await startService(t);
  const account = await service.account({ keyType: 'EC-P256' });
  const { credentialID } = account;
  const headers = (authorization: string): [string, string][] => [
    ['Host', '{host}'],
    ['Authorization', authorization],
    ['Content-Type', 'application/json'],
    ['Content-Length', '{length}'],
  ];
  const login = await replay(`${service.csc}/auth/login`, headers(basicOf(account)), '{}');
  const bearer = `Bearer ${login.json().access_token}`;
  const post = (method: string, body: object) =>
    replay(`${service.csc}/${method}`, headers(bearer), JSON.stringify({ credentialID, ...body }));
  const revisions = ['bản 1', 'bản 2 ⊃ chữ ký 1', 'bản 3 ⊃ chữ ký 2'];
  const hashes = revisions.map((text) => digestOf(text));
  const sign = (SAD: string, n: number) =>
    post('signatures/signHash', { SAD, hash: [hashes[n]], signAlgo: '1.2.840.10045.4.3.2' });
  const authorize = async (numSignatures: number, hash: unknown[]) =>
    post('credentials/authorize', { numSignatures, hash, PIN: account.pin, OTP: await account.nextCode() });

  await t.test('without the switch: as many hashes as signatures', async (t) => {
    const { status, json } = await authorize(3, [hashes[0]]);
    t.equal(status, 400);
    t.equal(json().error_description, 'Invalid value for parameter numSignatures');
  });

  await service.set({ openSlots: true });
  await t.test('with it: one code for all three, a new SAD for each', async (t) => {
    let { SAD } = (await authorize(3, [hashes[0]])).json();
    const seen = new Set<string>();
    for (const [n, text] of revisions.entries()) {
      if (n > 0) {
        const extended = await post('credentials/extendTransaction', { SAD, hash: [hashes[n]] });
        t.equal(extended.status, 200);
        const old = await sign(SAD, n);
        t.equal(old.json().error_description, 'Invalid parameter SAD', 'the SAD before is over');
        ({ SAD } = extended.json());
      }
      seen.add(SAD);
      const { signatures } = (await sign(SAD, n)).json();
      t.ok(fits(account.chain[0] ?? '', text, signatures[0]), text);
    }
    t.equal(seen.size, 3);
    const fourth = await post('credentials/extendTransaction', { SAD, hash: [digestOf('bản 4')] });
    t.equal(fourth.status, 400, 'never more than were asked for at first');
  });

  await t.test('a hash that was bound stays bound', async (t) => {
    const { SAD } = (await authorize(1, [hashes[0]])).json();
    const other = await post('credentials/extendTransaction', { SAD, hash: [digestOf('khác')] });
    t.equal(other.status, 400, 'nothing takes its place');
    const { signatures } = (await sign(SAD, 0)).json();
    t.ok(fits(account.chain[0] ?? '', revisions[0] ?? '', signatures[0]), 'and the refusal did not cost the SAD');
  });
});
