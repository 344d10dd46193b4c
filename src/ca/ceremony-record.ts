import { sha256 } from '../base/bytes.ts';
import { readCertificate } from '../pki/read.ts';
import type { NewAuthority } from './make-authority.ts';

/** What a ceremony made and who was there. */
export type CeremonyFacts = {
  what: string;
  /** Epoch milliseconds. */
  at: number;
  version: string;
  /** Empty in a sandbox, where one person plays all roles. */
  persons: string[];
  /** How the token names itself; absent where a running ca made keys in its own. */
  token?: { label: string; serial: string; manufacturer: string; model: string };
  custody?: { ceremony: string; threshold: number; custodians: string[] };
  /** Keys that certify nothing, by their label: SPKI, DER. */
  otherKeys: Record<string, Buffer>;
  authorities: NewAuthority[];
};

/** The record of a ceremony as text to print and sign. Its SHA-256 stands in the log leaf of what it made. */
export function ceremonyRecord(facts: CeremonyFacts): string {
  const { what, at, version, persons, token, custody, otherKeys, authorities } = facts;
  const keys = authorities.map(({ label, keyType, certificate }) => [
    label,
    keyType,
    readCertificate(certificate).spki,
  ]);
  const others = Object.entries(otherKeys).map(([label, spki]) => [label, '', spki]);
  const held =
    custody && `${custody.threshold} of ${custody.custodians.length} custodians: ${custody.custodians.join('; ')}`;
  return [
    `Kyso: record of ${what}`,
    `Date:    ${new Date(at).toISOString()}`,
    `Version: Kyso ${version}`,
    `Persons: ${persons.length > 0 ? persons.join('; ') : 'a sandbox: one person played all roles'}`,
    ...(token ? [`Token:   ${token.label}, serial ${token.serial}, ${token.manufacturer} ${token.model}`] : []),
    `Backup:  ${custody ? `ceremony ${custody.ceremony}, ${held}` : 'none'}`,
    '',
    'Keys (SHA-256 of the SubjectPublicKeyInfo)',
    ...[...keys, ...others].flatMap(([label, type, spki]) => [
      `  ${label} ${type}`.trimEnd(),
      `    ${hash(spki as Buffer)}`,
    ]),
    '',
    'Certificates',
    ...authorities.flatMap(described),
    '',
    'Signatures of the persons:',
    ...persons.flatMap((person) => ['', `  ${person}: ______________________________`]),
    '',
  ].join('\n');
}

function described({ id, serialNumber, certificate, issuer, notBefore, notAfter }: NewAuthority): string[] {
  return [
    `  ${id}${issuer === id ? '' : `, signed by ${issuer}`}`,
    `    subject     ${readCertificate(certificate).subjectDN}`,
    `    serial      ${serialNumber}`,
    `    SHA-256     ${hash(certificate)}`,
    `    valid       ${new Date(notBefore).toISOString()} to ${new Date(notAfter).toISOString()}`,
  ];
}

const hash = (bytes: Buffer) => sha256(bytes).toString('hex');
