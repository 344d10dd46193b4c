import { createHash } from 'node:crypto';
import t from 'tap';
import { check } from './checker.ts';
import type { Facts, Leaf } from './facts.ts';

const [one, two] = ['11'.repeat(32), '22'.repeat(32)];

function leavesOf(...entries: object[]): Leaf[] {
  return entries.map((entry, position) => {
    const leaf = JSON.stringify(entry);
    const leafHash = createHash('sha256').update(Uint8Array.of(0)).update(leaf).digest('hex');
    return { id: `leaf-${position}`, position, leafHash, leaf };
  });
}

/** Two hashes authorized, the first signed and released, the second spent by a signing that a crash cut off. */
function soundFacts() {
  const sign = { event: 'sign', authorization: 'a', credential: 'c' };
  const entries: Record<string, unknown>[] = [
    { event: 'authorize', result: 'done', at: 100, authorization: 'a', credential: 'c', hashes: [one, two] },
    { ...sign, result: 'intended', at: 110, signing: 's1', hashes: [one] },
    { ...sign, result: 'done', at: 120, signing: 's1' },
    { ...sign, result: 'intended', at: 130, signing: 's2', hashes: [two] },
    { ...sign, result: 'unknown', at: 900, signing: 's2' },
  ];
  const issue = { event: 'certificate.issue', credential: 'c', detail: { serialNumber: '7' } };
  const issuance: Record<string, unknown>[] = [
    { ...issue, result: 'intended' },
    { ...issue, result: 'done' },
  ];
  const facts: Facts = {
    history: {
      issued: [{ credential: 'c' }],
      activated: [{ userID: 'u' }],
      authorized: [{ authorization: 'a', credential: 'c', hashes: [one, two] }],
      released: [{ authorization: 'a', hashes: [one], signatures: 'x', good: 1 }],
      wrong: [{ userID: 'u', factor: 'pin', times: 2 }],
    },
    token: [
      { digest: one, worker: 1, at: 115 },
      { digest: two, worker: 1, at: 135 },
    ],
    signer: {
      leaves: [],
      size: entries.length,
      subscribers: [{ id: 'p', userID: 'u', status: 'active' }],
      vaults: [{ subscriber: 'p', openedBy: 'pin' }],
      factors: [{ subscriber: 'p', pinFailures: 2, otpFailures: 0, activationFailures: 0 }],
      keys: [{ id: 'k', credential: 'c', subscriber: 'p', spki: 'abcd' }],
      credentials: [{ id: 'c', key: 'k', certificateSpki: 'abcd' }],
      authorizations: [{ id: 'a', total: 2, remaining: 0, open: 0, digests: [one, two], spent: [one, two] }],
      signings: [
        { id: 's1', authorization: 'a', signatures: 1, outcome: 'released', startedAt: 110 },
        { id: 's2', authorization: 'a', signatures: 1, outcome: 'unknown', startedAt: 130 },
      ],
    },
    ca: {
      leaves: [],
      size: issuance.length,
      credentials: [{ id: 'c', status: 'active', certificate: '7' }],
      lines: [{ lineHash: 'l', credential: 'c', status: 'active', keyOrder: 2, certificate: '7' }],
      certificates: [{ serialNumber: '7', credential: 'c', status: 'issued' }],
      orders: [1, 2, 3],
    },
    api: { logins: ['u'] },
  };
  return { facts, entries, issuance };
}

type Sound = ReturnType<typeof soundFacts>;

function findingsAfter(change: (sound: Sound) => void, afterwards: (facts: Facts) => void = () => {}): string[] {
  const sound = soundFacts();
  change(sound);
  sound.facts.signer.leaves = leavesOf(...sound.entries);
  sound.facts.ca.leaves = leavesOf(...sound.issuance);
  afterwards(sound.facts);
  return check(sound.facts);
}

t.test('S91: the checker finds nothing in a sound history', async (t) => {
  t.same(
    findingsAfter(() => {}),
    [],
  );
  const twice = (sound: Sound) => {
    // A worker that was lost after it had signed: the next one signs again, and one signature is released.
    sound.facts.token.push({ digest: two, worker: 2, at: 140 });
  };
  t.same(findingsAfter(twice), []);
  const repeated = ({ facts: { history } }: Sound) => {
    history.released = [1, 2].map(() => ({ ...history.released[0]!, key: 'key' }));
  };
  t.same(findingsAfter(repeated), [], 'S70: the same answer twice is one release');
  const forgotten = ({ facts }: Sound) => {
    facts.signer.authorizations = [];
  };
  t.same(findingsAfter(forgotten), [], 'authorizations are forgotten some minutes after their end');
});

const faults: Record<string, [plant: (sound: Sound) => void, finding: RegExp, afterwards?: (facts: Facts) => void]> = {
  'a hash that was spent twice': [
    ({ entries, facts }) => {
      const sign = { event: 'sign', authorization: 'a', signing: 's3' };
      entries.push({ ...sign, result: 'intended', at: 140, hashes: [one] }, { ...sign, result: 'failed', at: 141 });
      facts.signer.size = entries.length;
    },
    /^spent more often than authorized: 11/,
  ],
  'a hash that was released twice': [
    ({ facts }) => facts.history.released.push({ authorization: 'a', hashes: [one], signatures: 'x', good: 1 }),
    /^released more often than authorized: 11/,
  ],
  'two answers to one Idempotency-Key': [
    ({ facts: { history } }) => {
      history.released = ['x', 'y'].map((signatures) => ({ ...history.released[0]!, key: 'key', signatures }));
    },
    /^the answers to one Idempotency-Key differ: key/,
  ],
  'a signature that does not verify': [
    ({ facts }) => {
      facts.history.released[0]!.good = 0;
    },
    /^released under a: only 0 of 1 verify/,
  ],
  'a signature that was answered and not recorded as released': [
    ({ facts, entries }) => {
      facts.signer.signings[0]!.outcome = 'unknown';
      entries[2]!.result = 'unknown';
    },
    /^answered under a and not recorded as released/,
  ],
  'a SAD that was answered and not recorded': [
    ({ facts }) => facts.history.authorized.push({ authorization: 'b', credential: 'c', hashes: [one] }),
    /authorization b is not in the log/,
  ],
  'a signature of the token that nobody intended': [
    ({ facts }) => facts.token.push({ digest: '33'.repeat(32), worker: 1, at: 140 }),
    /^the token signed what nobody intended: 33/,
  ],
  'a signature of the token from before its intent': [
    ({ facts }) => {
      facts.token[0]!.at = 105;
    },
    /^the token signed before the intent: 11/,
  ],
  'a worker that signed twice': [
    ({ facts }) => facts.token.push({ digest: one, worker: 1, at: 116 }),
    /^one worker signed more often than intended: 11/,
  ],
  'a signing that stays pending': [
    ({ facts }) => {
      facts.signer.signings[1]!.outcome = 'pending';
    },
    /^signing s2 is still pending/,
  ],
  'a result leaf that is missing': [
    ({ entries, facts }) => {
      entries.pop();
      facts.signer.size = entries.length;
    },
    /^signing s2 is unknown, and the log says of it: intended$/,
  ],
  'a leaf of a signing that is not there': [
    ({ facts }) => facts.signer.signings.pop(),
    /^the log tells of a signing s2 that is not there/,
  ],
  'a hash that was unspent again': [
    ({ facts }) => {
      facts.signer.authorizations[0]!.spent = [one];
      facts.signer.authorizations[0]!.remaining = 1;
    },
    /^authorization a: 1 hashes are spent, 2 were intended/,
  ],
  'a hash that was spent in the place of another': [
    ({ facts }) => {
      facts.signer.authorizations[0]!.spent = [one, one];
    },
    /^authorization a: 2 hashes are spent, 2 were intended/,
  ],
  'a count that was given back': [
    ({ facts }) => {
      facts.signer.authorizations[0]!.remaining = 1;
    },
    /^authorization a: 2 hashes are spent, its count says 1/,
  ],
  'a hash that is gone': [
    ({ facts }) => facts.signer.authorizations[0]!.digests.pop(),
    /^authorization a of 2 has 1 hashes/,
  ],
  'a counter below the tries': [
    ({ facts }) => {
      facts.history.wrong[0]!.times = 3;
    },
    /^u: 3 wrong tries of pin were answered, 2 counted/,
  ],
  'an activation without a login': [
    ({ facts }) => facts.api.logins.pop(),
    /^u was told of an activation and has no login/,
  ],
  'an activation by half': [
    ({ facts }) => {
      facts.signer.vaults[0]!.openedBy = 'activation';
    },
    /^u is active, and the vault opens by activation/,
  ],
  'a credential that nobody carried on': [
    ({ facts }) => {
      facts.ca.lines[0]!.status = 'intended';
    },
    /^ca left line l as intended/,
  ],
  'a line whose certificate its credential has not': [
    ({ facts }) => {
      facts.ca.credentials[0]!.certificate = '8';
    },
    /^line l is not its credential’s/,
  ],
  'a certificate without a key': [({ facts }) => facts.signer.keys.pop(), /^credential c has no key/],
  'a certificate for another key': [
    ({ facts }) => {
      facts.signer.credentials[0]!.certificateSpki = 'ffff';
    },
    /^credential c holds no certificate of its key/,
  ],
  'a key without an order': [
    ({ facts }) => {
      facts.ca.orders = [1, 3];
    },
    /^line l has no order 2 for its key/,
  ],
  'a key that ca does not know': [
    ({ facts }) => facts.signer.keys.push({ id: 'k2', credential: 'c2', subscriber: 'p', spki: '00' }),
    /^key k2 is for a credential that ca does not know/,
  ],
  'two certificates for one line': [
    ({ facts, issuance }) => {
      facts.ca.certificates.push({ serialNumber: '8', credential: 'c', status: 'issued' });
      const issue = { event: 'certificate.issue', credential: 'c', detail: { serialNumber: '8' } };
      issuance.push({ ...issue, result: 'intended' }, { ...issue, result: 'done' });
      facts.ca.size = issuance.length;
    },
    /^credential c has 2 certificates/,
  ],
  'a certificate that is not in the issuance log': [
    ({ issuance, facts }) => {
      issuance.pop();
      facts.ca.size = issuance.length;
    },
    /^certificate 7 is issued, and the log does not say so/,
  ],
  'an intent that was never issued': [
    ({ facts }) => facts.ca.certificates.push({ serialNumber: '8', credential: 'c', status: 'intended' }),
    /^certificate 8 was intended and never issued/,
  ],
  'a credential that was answered and is not there': [
    ({ facts }) => facts.history.issued.push({ credential: 'c9' }),
    /^credential c9 was answered and is not there/,
  ],
  'a gap in the log': [
    () => {},
    /^signer: the log of 5 has gaps at 4/,
    (facts) => {
      facts.signer.leaves[4]!.position = 7;
    },
  ],
  'a leaf without a position': [
    () => {},
    /^ca: 1 leaves have no position/,
    (facts) => {
      facts.ca.leaves[1]!.position = null;
    },
  ],
  'a position that two leaves share': [
    () => {},
    /^signer: two leaves share a position/,
    (facts) => {
      facts.signer.leaves[4]!.position = 0;
    },
  ],
  'a leaf that was changed': [
    () => {},
    /^signer: leaf leaf-1 has another hash/,
    (facts) => {
      facts.signer.leaves[1]!.leaf = facts.signer.leaves[1]!.leaf.replace('110', '111');
    },
  ],
};

for (const [name, [plant, finding, afterwards]] of Object.entries(faults)) {
  t.test(`S91: the checker finds ${name}`, async (t) => {
    const findings = findingsAfter((sound) => void plant(sound), afterwards);
    t.ok(
      findings.some((sentence) => finding.test(sentence)),
      findings.join('; '),
    );
  });
}
