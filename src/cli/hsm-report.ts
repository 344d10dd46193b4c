import type { Inspection } from '../hsm/inspection.ts';
import { plain } from './plain.ts';

type Rule = { refused: string; weakness: string };

/** What is asked of a token, and what it means where the token does not keep to it. */
const rules: Record<keyof Inspection['enforces'], Rule> = {
  secretsUnread: {
    refused: 'the secret of a sensitive key is not read',
    weakness: 'It hands out the secrets of its keys. Do not use it.',
  },
  flagsFixed: {
    refused: 'sensitive and extractable do not change back',
    weakness: 'Whoever is logged in can make a key readable. Do not use it.',
  },
  unextractable: {
    refused: 'a key that is not extractable does not leave, wrapped or not',
    weakness: "It wraps keys that are not extractable: whoever is logged in can copy Kyso's own keys out of it.",
  },
  unwrappedSealed: {
    refused: 'an unwrapped key is neither read nor wrapped again',
    weakness: 'While a key is unwrapped for signing, whoever is logged in can copy it out.',
  },
  purposes: {
    refused: 'a key that was unwrapped for signing does not decrypt',
    weakness: 'It gives unwrapped keys other purposes than Kyso asks for.',
  },
  allowedMechanisms: {
    refused: 'CKA_ALLOWED_MECHANISMS is honoured',
    weakness: 'A key signs by any mechanism: only Kyso itself limits how a key is used.',
  },
  unmodifiable: {
    refused: 'CKA_MODIFIABLE=false is honoured',
    weakness: 'Whoever is logged in can change the attributes of keys.',
  },
  uncopyable: {
    refused: 'CKA_COPYABLE=false is honoured',
    weakness: 'Whoever is logged in can copy keys inside the token, with other attributes.',
  },
};

/** The report for people. */
export function describeInspection(found: Inspection): string {
  const { module, token, enforces, carries, sessions } = found;
  const mark = (value: boolean | undefined) => (value === undefined ? '–' : value ? '✓' : '✗');
  const list = (names: string[]) => (names.length > 0 ? names.join(', ') : 'none');
  const mechanisms = Object.entries(found.mechanisms);
  const named = Object.entries(rules) as [keyof typeof rules, Rule][];
  const weaknesses = weaknessesOf(found);
  const lines = [
    `token      ${token.label} (${token.manufacturer}, ${token.model}, serial ${token.serial}, firmware ${token.firmware})`,
    `module     ${module.description} ${module.version}, ${module.manufacturer}, PKCS#11 ${module.cryptoki}`,
    `offers     ${list(mechanisms.flatMap(([name, there]) => (there ? [name] : [])))}`,
    `lacks      ${list(mechanisms.flatMap(([name, there]) => (there ? [] : [name])))}`,
    `wraps by   ${found.wrapMechanism ?? 'nothing'}`,
    `RSA-PSS    ${pssTexts[found.pss]}`,
    `sessions   ${sessions.limit === null ? 'no limit named' : `at most ${sessions.limit}`}; ${sessions.opened} of 32 opened`,
    `random     ${found.random ? 'answers' : 'does not do'}`,
    '',
    'Enforces (tried; ✓ it does, ✗ it does not, – could not be tried):',
    ...named.map(([name, { refused }]) => `  ${mark(enforces[name])} ${refused}`),
    `  ${mark(found.privateHidden ?? undefined)} private objects are hidden before the login`,
    '',
    'Credentials that it can carry:',
    `  wrapped keys, kept outside   ${list(carries.wrapped)}`,
    `  keys that stay in the token  ${list(carries.resident)} (${found.residentKeys} there now)`,
    ...(found.problem === null ? [] : [`  none, because ${found.problem}`]),
    ...(weaknesses.length > 0 ? ['', 'Where it is weaker:', ...weaknesses.map((text) => `  • ${text}`)] : []),
  ];
  return lines.map((line) => `${plain(line)}\n`).join('');
}

const pssTexts = {
  none: 'not with a salt of our choice',
  sameDigest: "with MGF1 of the message's own digest",
  anyDigest: 'with any digest and salt',
};

/** Plain sentences, the gravest first. */
function weaknessesOf({ software, enforces, privateHidden, random, carries }: Inspection): string[] {
  const named = Object.entries(rules) as [keyof typeof rules, Rule][];
  return [
    ...(software === null
      ? []
      : [
          `${software} is software: whoever has its files and the PIN has its keys. It is no HSM, and Kyso calls it none.`,
        ]),
    ...named.flatMap(([name, { weakness }]) => (enforces[name] === false ? [weakness] : [])),
    ...(privateHidden === false ? ['It shows private objects before the login.'] : []),
    ...(random ? [] : ['Its random generator does not do.']),
    ...(carries.wrapped.length === 0 && carries.resident.length > 0
      ? [
          'Keys stay in it: their number is limited by its memory, and whoever is logged in can sign with them without the PIN of the holder.',
        ]
      : []),
  ];
}
