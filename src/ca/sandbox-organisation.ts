import { generateKeyPairSync, sign } from 'node:crypto';
import { sha256 } from '../base/bytes.ts';
import { newId } from '../base/ids.ts';
import { assembleCertificate, encodeTbs, newSerialNumber } from '../pki/certificate.ts';
import { assembleSignedData, prepareSignedAttributes } from '../pki/cms.ts';
import { profiles, validityOf } from '../pki/profiles.ts';
import { type Authority, record } from './context.ts';
import { newOfficer } from './officers.ts';
import { sandboxCode } from './organisations.ts';

/** Both officers that a sandbox plays. They have no password, and count nowhere else. */
export const sandboxOfficers = [
  { id: 'sandbox-1', user: 'sandbox-1', name: 'Sandbox officer 1', role: 'sandbox' },
  { id: 'sandbox-2', user: 'sandbox-2', name: 'Sandbox officer 2', role: 'sandbox' },
] as const;

/** Signs a list's statement as the sandbox's own organisation: detached CMS, DER. */
export type SandboxOrganisation = { sign(statement: string): Buffer };

/**
 * The sandbox's own organisation and officers. Its key lives as long as this process: a new one is enrolled at each start,
 * and the one before retired.
 */
export async function openSandbox(authority: Authority): Promise<SandboxOrganisation> {
  const { store, rows, clock } = authority;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const tbs = await encodeTbs({
    ...{ profile: profiles.individual, procedure: 'new', serialNumber: newSerialNumber(), publicKey: spki },
    ...validityOf(profiles.individual, 'new', clock.now()),
    subject: { country: 'VN', organisation: 'Kyso Sandbox', organisationalUnits: [], commonName: 'Sandbox' },
  });
  const certificate = assembleCertificate(tbs, sign('sha256', tbs, privateKey));
  const fingerprint = sha256(certificate).toString('hex');

  await store.write(async (tx) => {
    const createdAt = clock.now();
    for (const officer of sandboxOfficers)
      if (!(await rows.officers.find(tx, { id: officer.id })))
        await rows.officers.insertOnce(tx, newOfficer(authority, officer));
    const fresh = { id: newId(), code: sandboxCode, name: 'Kyso Sandbox', status: 'active', createdAt };
    const known = await rows.organisations.lock(tx, { code: sandboxCode });
    const { id: organisation } = known ?? (await rows.organisations.insert(tx, fresh));
    for (const { fingerprint } of await rows.organisationCertificates.list(tx, { organisation, status: 'enrolled' })) {
      const old = await rows.organisationCertificates.lock(tx, { fingerprint });
      if (old) await rows.organisationCertificates.replace(tx, old, { status: 'retired' });
    }
    await rows.organisationCertificates.insert(tx, {
      ...{ fingerprint, organisation, certificate, enrolledBy: 'sandbox', status: 'enrolled', createdAt },
    });
    const detail = { organisation, certificate: fingerprint, by: 'sandbox' };
    await record(authority, tx, { event: 'organisation.enrolled', result: 'done', detail });
  });
  return {
    sign(statement) {
      const documentDigest = sha256(statement);
      const signedAttributes = prepareSignedAttributes({ documentDigest, digest: 'SHA-256', certificate });
      const signature = sign('sha256', signedAttributes, privateKey);
      return assembleSignedData({
        ...{ signedAttributes, scheme: { digest: 'SHA-256' }, signature, chain: [certificate] },
      });
    },
  };
}
