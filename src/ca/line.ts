import canonicalize from 'canonicalize';
import { sha256 } from '../base/bytes.ts';
import type { Line } from '../ipc/line.ts';
import { profiledSubject } from '../pki/certificate.ts';
import { encodeName, type Subject } from '../pki/names.ts';
import { profiles } from '../pki/profiles.ts';

/** RFC 8785 JSON of a line. */
export function lineText(line: Line): string {
  return canonicalize(line) as string;
}

/** The line hash, over which a list is signed and approved, and key and certificate are attested and ordered; hex. */
export function hashOfLine(line: Line): string {
  return sha256(lineText(line)).toString('hex');
}

const everything = { ...profiles.individualVgca.shows, personalId: true };

/** Whether an outside authority issues the certificate of a line. */
export const isExternal = ({ text }: { text: string }): boolean => JSON.parse(text).authority === 'external';

/**
 * The subject that a line's certificate will carry.
 * @param present what stands in the credential's certificate now; a first certificate has none before it
 * @throws KysoError nameRefused — it cannot stand in a certificate
 */
export function subjectOf(line: Line, present?: Subject): Subject {
  const named = 'subject' in line && line.subject ? { ...line.subject, country: 'VN' as const } : present;
  const email = 'email' in line ? line.email : present?.email;
  const subject = { ...named, ...(email !== undefined && { email }) } as Subject;
  // All of it is judged, whatever the profile shows.
  encodeName(profiledSubject({ profile: { shows: everything }, subject }));
  return subject;
}
