import { sha256 } from '../../base/bytes.ts';
import { KysoError } from '../../base/errors.ts';
import { profiledSubject } from '../../pki/certificate.ts';
import { certificateFields } from '../../pki/certificate-fields.ts';
import { distinguishedName } from '../../pki/distinguished-name.ts';
import { isValidAt } from '../../pki/issued-by.ts';
import { encodeName, type Subject } from '../../pki/names.ts';
import { readCertificate } from '../../pki/read.ts';
import { weaknessOf } from '../../pki/weak-key.ts';
import type { Line } from '../../store/ca/tables.ts';
import { isConflict } from '../../store/failure.ts';
import { type Authority, record } from '../context.ts';
import { external } from '../crl-entries.ts';
import { stillFollows } from '../issue.ts';
import { isExternal, subjectOf } from '../line.ts';
import { refuseLine } from '../lines.ts';
import { appendOrder } from '../orders.ts';
import { assertSubscriberCertificate } from './constraints.ts';
import { chainToAnchor } from './trust.ts';

const refuse = (why: string, cause?: unknown) => new KysoError('orderRefused', why, { cause });

/** Lines that wait for a certificate of an outside authority, each with the request that its key signed. */
export async function waitingRequests({ rows, store }: Authority) {
  const lines = (await rows.lines.list(store.read, { status: 'attested' })).filter(isExternal);
  const found = await Promise.all(
    lines.map(async ({ lineHash, credential, keyVersion }) => {
      // A certificate for a key that is there already needs the request of that key.
      const [kept] = await rows.externalRequests.list(store.read, { credential, keyVersion });
      return kept ? [{ credential, lineHash, request: kept.request.toString('base64') }] : [];
    }),
  );
  return found.flat();
}

/**
 * Takes the certificate that an outside authority issued for a line of ours, and orders signer to install it: it leads to
 * an enrolled root, is for the attested key of a line that waits for it, names the line's subject, is a subscriber's, and
 * is valid now.
 * A line whose certificate before was revoked or held meanwhile ends instead. Answers the line; the same certificate again is refused as known.
 * @throws KysoError orderRefused — what is wrong with it; document — it is no certificate
 */
export async function importCertificate(authority: Authority, certificate: Buffer, offered: Buffer[]): Promise<Line> {
  const { rows, store, clock } = authority;
  const now = clock.now();
  const fields = certificateFields(certificate);
  const { serialNumber, spki, validFrom, validTo } = readCertificate(certificate);
  const lines = await rows.lines.list(store.read, { status: 'attested' });
  const line = lines.find((candidate) => isExternal(candidate) && candidate.spki?.equals(spki));
  if (!line) throw refuse('no line waits for a certificate of this key');
  if (!isValidAt(fields, new Date(now))) throw refuse('the certificate is not valid now');
  assertSubscriberCertificate(fields);
  const weakness = weaknessOf(spki);
  if (weakness) throw refuse(`the key is weak: ${weakness}`);
  const subject = await lineSubject(authority, line);
  assertSubject(distinguishedName(fields.subject), profiledSubject({ profile: authority.profile, subject }));
  const issuers = await chainToAnchor(authority, certificate, offered, new Date(now));
  const chain = [certificate, ...issuers].map((der) => der.toString('base64'));

  try {
    const imported = await store.write(async (tx) => {
      const locked = await rows.lines.lock(tx, { lineHash: line.lineHash, status: 'attested' });
      if (!locked) throw refuse('another certificate was imported for this line');
      if (!(await stillFollows(authority, tx, locked))) {
        await refuseLine(authority, tx, locked, 'orderRefused');
        return undefined;
      }
      await rows.certificates.insert(tx, {
        ...{ serialNumber, credential: line.credential, profile: external, policies: '[]' },
        ...{ subject: JSON.stringify(subject), spki },
        ...{
          notBefore: validFrom.getTime(),
          notAfter: validTo.getTime(),
          tbs: fields.tbs,
          status: 'issued',
          certificate,
        },
        ...{ authority: external, shard: external, revocation: 'none', reason: null, revokedBy: null, revokedAt: null },
        createdAt: now,
      });
      await rows.externalCertificates.insert(tx, {
        ...{ serialNumber, chain: JSON.stringify(chain), sourceAt: null, askedAt: null, nextAt: now, failure: null },
      });
      const order = { kind: 'certificate', credentialID: line.credential, chain } as const;
      const certificateOrder = await appendOrder(authority, tx, order);
      const hash = (bytes: Buffer) => sha256(bytes).toString('hex');
      const detail = {
        serialNumber,
        certificate: hash(certificate),
        root: hash(issuers.at(-1)!),
        lineHash: line.lineHash,
      };
      await record(authority, tx, {
        event: 'certificate.imported',
        result: 'done',
        credential: line.credential,
        detail,
      });
      return rows.lines.replace(tx, locked, { status: 'issued', certificate: serialNumber, certificateOrder });
    });
    if (imported) return imported;
    throw refuse('the certificate that this line follows was revoked or put on hold meanwhile: the line is refused');
  } catch (cause) {
    throw isConflict(cause)
      ? refuse(`a certificate of the serial number ${serialNumber} is known already`, cause)
      : cause;
  }
}

async function lineSubject({ rows, store }: Authority, { text }: Line): Promise<Subject> {
  const line = JSON.parse(text);
  const before = line.certificate && (await rows.certificates.find(store.read, { serialNumber: line.certificate }));
  return subjectOf(line, before && JSON.parse(before.subject));
}

/** The outside authority may order the attributes as it likes, and spell them in other string types; nothing else. */
function assertSubject(found: string, subject: Subject): void {
  const wanted = distinguishedName(encodeName(subject));
  const parts = (name: string) => name.split(/(?<!\\),/).sort();
  const [have, want] = [parts(found), parts(wanted)];
  const without = (list: string[], other: string[]) =>
    list.filter((part) => !other.includes(part)).join(', ') || 'nothing';
  if (have.join() === want.join()) return;
  throw refuse(
    `the certificate's subject is not the line's: ${without(want, have)} is missing, ${without(have, want)} is too much`,
  );
}
