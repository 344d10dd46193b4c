import t from 'tap';
import { watchClock } from '../../src/ca/clock.ts';
import { type KernelClock, kernelClock } from '../../src/ca/kernel-clock.ts';
import { fakeClock } from '../helpers/fake-clock.ts';

t.test('S80: a clock that was set is not trusted for a minute', async (t) => {
  for (const step of [1_001, -1_001, 86_400_000, -86_400_000]) {
    const hands = fakeClock();
    const clock = watchClock(hands);
    hands.advance(3_600_000);
    t.equal(clock.state(), 'trusted', 'time that passes is no step');
    hands.step(step);
    t.equal(clock.state(), 'stepped', `${step} ms`);
    t.throws(() => clock.assertTrusted(), { kind: 'clockUntrusted', message: /set less than a minute ago/ });
    hands.advance(59_999);
    t.equal(clock.state(), 'stepped');
    hands.advance(1);
    t.equal(clock.state(), 'trusted', 'a minute later');
    t.doesNotThrow(() => clock.assertTrusted());
  }
});

t.test('S80: small steps add up, and each large one begins the minute anew', async (t) => {
  const hands = fakeClock();
  const clock = watchClock(hands);
  hands.step(600);
  t.equal(clock.state(), 'trusted', 'within what a timestamp says of its accuracy');
  hands.step(600);
  t.equal(clock.state(), 'stepped', 'but 1.2 s in all are not');
  hands.advance(50_000);
  hands.step(5_000);
  t.equal(clock.state(), 'stepped');
  hands.advance(59_999);
  t.equal(clock.state(), 'stepped');
  hands.advance(1);
  t.equal(clock.state(), 'trusted');
});

t.test('S80: outside a sandbox the kernel has to vouch for the clock', async (t) => {
  const kernel: KernelClock = { synchronised: true, maxError: 1_000 };
  const hands = fakeClock();
  const clock = watchClock(hands, () => kernel);
  t.equal(clock.state(), 'trusted');
  kernel.maxError = 1_001;
  t.equal(clock.state(), 'unsynchronised', 'it may be wrong by more than a timestamp says');
  t.throws(() => clock.assertTrusted(), { kind: 'clockUntrusted', message: /no time service/ });
  Object.assign(kernel, { synchronised: false, maxError: 0 });
  t.equal(clock.state(), 'unsynchronised');
  hands.step(5_000);
  t.equal(clock.state(), 'stepped');
  hands.advance(60_000);
  t.equal(clock.state(), 'unsynchronised', 'a quiet minute is not enough');
  kernel.synchronised = true;
  t.equal(clock.state(), 'trusted');
});

t.test('the kernel of this machine says how its clock is', async (t) => {
  const { synchronised, maxError } = kernelClock();
  t.type(synchronised, 'boolean');
  // Linux: at most NTP_PHASE_LIMIT, which is what a clock has that nobody keeps.
  t.ok(maxError >= 0 && maxError <= 16_000, `${maxError} ms`);
});
