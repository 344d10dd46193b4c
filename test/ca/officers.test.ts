import t from 'tap';
import { type CheckedOfficer, checkOfficer, playOfficer } from '../../src/ca/officer-factors.ts';
import { addOfficer, suspendOfficer } from '../../src/ca/officers.ts';
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
