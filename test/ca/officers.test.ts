import t from 'tap';
import { KysoError } from '../../src/base/errors.ts';
import { type CheckedOfficer, checkOfficer, playOfficer } from '../../src/ca/officer-factors.ts';
import { addOfficer, newOfficer, suspendOfficer } from '../../src/ca/officers.ts';
import { addOrganisation } from '../../src/ca/organisations.ts';
import { caToken, fakeSigner, newAuthority } from '../helpers/certification-authority.ts';
import { fakeClock } from '../helpers/fake-clock.ts';
import { codeOf, enrolled } from '../helpers/proofs.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';

const token = await caToken(t);
const password = 'một mật khẩu dài';
const step = 30_000;

await rulesOnBothEngines(t, {
  'S41, S42: an officer’s code counts once, and wrong ones lock': async (t, stores) => {
    const clock = fakeClock();
    const { store, open } = await newAuthority(stores, token, fakeSigner(), clock);
    const authority = await open('production');
    const { otpauthUri } = await addOfficer(authority, { user: 'an', name: 'An', password }, []);
    const row = async () => (await authority.rows.officers.list(store.read, { user: 'an' }))[0]!;
    t.notMatch(JSON.stringify(await row()), new URL(otpauthUri).searchParams.get('secret')!, 'S46: the seed is sealed');
    const check = (otp: string, given = password) => checkOfficer(authority, { user: 'an', password: given, otp });
    const now = () => codeOf(otpauthUri, clock.now());

    const results = await Promise.allSettled([now(), now(), now()].map((otp) => check(otp)));
    t.equal(results.filter(({ status }) => status === 'fulfilled').length, 1, 'three at once with one code: one');
    t.match(await row(), { failures: 0, lockedUntil: 0 }, 'a code that was used is no guess');
    await t.rejects(check(now()), refused('officerInvalid'), 'and later neither');
    await t.rejects(checkOfficer(authority, { user: 'nobody', password, otp: now() }), refused('officerInvalid'));

    clock.advance(step);
    await t.rejects(check(now(), 'wrong'), refused('officerInvalid'), 'a wrong password');
    await t.resolves(check(now()), 'did not use up the code');
    clock.advance(step);
    const guesses = await Promise.allSettled(Array.from({ length: 7 }, () => check('000000')));
    const kinds = guesses.map((guess) => guess.status === 'rejected' && guess.reason.kind);
    t.equal(kinds.filter((kind) => kind === 'officerInvalid').length, 5, 'of seven guesses at once five are looked at');
    t.equal(kinds.filter((kind) => kind === 'officerLocked').length, 2);
    await t.rejects(check(now()), refused('officerLocked'), 'also the right code waits');
    clock.advance(2 * 60_000);
    await t.resolves(check(now()), 'until the lock ends');
    t.match(await row(), { failures: 0, lockedUntil: 0 });
  },

  'S42: a try that could not be judged locks nobody, and a wrong one counts whatever fails': async (t, stores) => {
    const clock = fakeClock();
    const { store, open } = await newAuthority(stores, token, fakeSigner(), clock);
    const authority = await open('production');
    const { otpauthUri } = await addOfficer(authority, { user: 'an', name: 'An', password }, []);
    const row = async () => (await authority.rows.officers.list(store.read, { user: 'an' }))[0]!;
    const given = (changes: object = {}) => ({
      user: 'an',
      password,
      otp: codeOf(otpauthUri, clock.now()),
      ...changes,
    });
    const set = (failures: number) =>
      store.write(async (tx) => {
        const officer = await authority.rows.officers.lock(tx, { user: 'an' });
        await authority.rows.officers.replace(tx, officer!, { failures });
      });
    const away = new KysoError('tokenUnavailable', 'the token is away');
    const noToken = { ...authority, seedKey: () => Promise.reject(away) };
    /** The store fails at the `fatal`th write of a call, and works again at the next. */
    const failingAt = (fatal: number): typeof authority => {
      let writes = 0;
      const write: typeof store.write = (work) => {
        writes += 1;
        return writes === fatal ? Promise.reject(new KysoError('unavailable', 'the store is away')) : store.write(work);
      };
      return { ...authority, store: { ...store, write } };
    };

    await set(9);
    await t.rejects(checkOfficer(noToken, given()), refused('tokenUnavailable'));
    t.match(await row(), { failures: 9, lockedUntil: 0 }, 'the tenth in a row, while the token is away');
    await t.rejects(checkOfficer(failingAt(2), given()), refused('unavailable'));
    t.match(await row(), { failures: 9, lockedUntil: 0 }, 'or when the code could not be used up');
    await t.rejects(checkOfficer(failingAt(2), given({ otp: '000000' })), refused('unavailable'));
    t.match(await row(), { failures: 10 }, 'a wrong code counts, also where its refusal cannot be logged');
  },

  'design §8: of all officers who are suspended at once two are left': async (t, stores) => {
    const { store, open } = await newAuthority(stores, token, fakeSigner());
    const authority = await open('production');
    const users = ['an', 'binh', 'chi', 'dung', 'giang', 'hoa'];
    await store.write(async (tx) => {
      for (const user of users)
        await authority.rows.officers.insert(
          tx,
          newOfficer(authority, { id: user, user, name: user, role: 'officer' }),
        );
    });
    const outcomes = await Promise.allSettled(users.map((user) => suspendOfficer(authority, user)));
    t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 4);
    const left = await authority.rows.officers.list(store.read, { status: 'active' });
    t.equal(left.length, 2);
  },

  'design §8: outside a sandbox nobody is enrolled by one person': async (t, stores) => {
    const clock = fakeClock();
    const { open } = await newAuthority(stores, token, fakeSigner(), clock);
    const authority = await open('production');
    const uris: Record<string, string> = {};
    const add = async (user: string, by: CheckedOfficer[] = []) => {
      uris[user] = (await addOfficer(authority, { user, name: user, password }, by)).otpauthUri;
    };
    const check = (user: string) => checkOfficer(authority, { user, password, otp: codeOf(uris[user]!, clock.now()) });
    await t.rejects(addOfficer(authority, { user: 'x', name: 'x', password: 'short' }, []), refused('passwordRefused'));
    await add('an');
    await add('binh');
    await t.rejects(add('chi'), refused('approvalMissing'), 'the first two come with the service, no more');
    const an = await check('an');
    await t.rejects(add('chi', [an, an]), refused('approvalMissing'), 'one person twice is one');
    const both = [an, await check('binh')];
    t.throws(() => playOfficer(authority, 'sandbox-1'), refused('approvalMissing'));
    await t.rejects(addOrganisation(authority, { code: 'school', name: 'x' }, [an]), refused('approvalMissing'));
    await t.rejects(enrolled(authority, 'school'), refused('approvalMissing'));
    await t.resolves(enrolled(authority, 'school', both));
    await t.rejects(suspendOfficer(authority, 'an'), refused('orderRefused'), 'two are left');
    await add('chi', both);
    await suspendOfficer(authority, 'an');
    await t.rejects(
      add('dung', both),
      refused('officerInvalid'),
      'what was shown before the suspension counts no more',
    );
    clock.advance(step);
    await t.rejects(check('an'), refused('officerInvalid'));
  },
});
