import { createHash, sign } from 'node:crypto';
import { generateSync } from 'otplib';
import { type Act, approveList } from '../../src/ca/approvals.ts';
import { atLast } from '../../src/ca/at-last.ts';
import type { Authority } from '../../src/ca/context.ts';
import { hashOfLine } from '../../src/ca/line.ts';
import { enterList, listStatement, verifyList } from '../../src/ca/lists.ts';
import { type CheckedOfficer, playOfficer } from '../../src/ca/officer-factors.ts';
import { addOrganisation, enrolCertificate } from '../../src/ca/organisations.ts';
import { sandboxOfficers } from '../../src/ca/sandbox-organisation.ts';
import type { Line } from '../../src/ipc/line.ts';
import { assembleCertificate, encodeTbs } from '../../src/pki/certificate.ts';
import { assembleSignedData, prepareSignedAttributes } from '../../src/pki/cms.ts';
import { profiles } from '../../src/pki/profiles.ts';
import { draftOf, teacher, testKeyPair } from './authority.ts';

/** An organisation's key with a certificate that it signed itself, from `now` on. */
export async function organisationKey(now: number, end?: number) {
  const { privateKey, publicKey } = testKeyPair('EC-P256');
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const draft = draftOf(profiles.individual, teacher, spki, now);
  const tbs = await encodeTbs({ ...draft, ...(end !== undefined && { notAfter: new Date(end) }) });
  const certificate = assembleCertificate(tbs, sign('sha256', tbs, privateKey));
  /** Detached CMS over a statement. */
  const signText = (statement: string) => {
    const documentDigest = createHash('sha256').update(statement).digest();
    const signedAttributes = prepareSignedAttributes({ documentDigest, digest: 'SHA-256', certificate });
    const signature = sign('sha256', signedAttributes, privateKey);
    return assembleSignedData({ signedAttributes, scheme: { digest: 'SHA-256' }, signature, chain: [certificate] });
  };
  const signLines = (code: string, lines: Line[]) => signText(listStatement(code, lines.map(hashOfLine)));
  return { privateKey, certificate, signText, signLines };
}

/** The officers that a sandbox plays, when its own organisation was opened. */
export const players = (authority: Authority): CheckedOfficer[] =>
  sandboxOfficers.map(({ id }) => playOfficer(authority, id));

/** An enrolled organisation of this code. */
export async function enrolled(authority: Authority, code: string, by: CheckedOfficer[] = []) {
  const key = await organisationKey(authority.clock.now() - 60_000);
  await addOrganisation(authority, { code, name: code.toUpperCase() }, by);
  const fingerprint = await enrolCertificate(authority, { code, certificate: key.certificate }, by);
  return { ...key, code, fingerprint };
}

/** Takes a list in, and returns its id. */
export async function submit(authority: Authority, organisation: string, lines: Line[], signature: Buffer) {
  const list = await verifyList(authority, { organisation, lines, signature });
  return (await atLast(() => authority.store.write((tx) => enterList(authority, tx, list)))).id;
}

export function act(authority: Authority, which: Act, list: string, lines: Line[], officer: CheckedOfficer) {
  const seen = lines.map(hashOfLine);
  return atLast(() => authority.store.write((tx) => approveList(authority, tx, { list, seen, act: which }, officer)));
}

/** The code that an authenticator app shows for an enrolment address at an instant. */
export function codeOf(otpauthUri: string, now: number): string {
  const secret = new URL(otpauthUri).searchParams.get('secret') ?? '';
  return generateSync({ secret, epoch: Math.floor(now / 1000) });
}
