import { addValidationData, type ValidationData } from './dss.ts';
import { checkSignature, embedSignature, type SigningContext } from './pades.ts';
import { retrieve as overHttp, type Retrieve } from './retrieve.ts';
import { type Timestamp, type TimestampSource, timestampOver } from './timestamp.ts';
import { type Collector, collector } from './validation-data.ts';

/** A prepared PDF and the signature over its `toSign`. */
export type SignedContext = { context: SigningContext; signature: Uint8Array };

export type FinishStep = 'timestamp' | 'embed' | 'validation data';

/** How signatures get the level that they were prepared for. */
export type FinishOptions = {
  /** Needed above B-B. */
  timestamp?: TimestampSource | undefined;
  /**
   * Root certificates (DER), with one of which the time-stamping authority's chain has to end, before any address in it
   * is asked. Without them whoever answers at `timestamp` is believed.
   */
  timestampRoots?: readonly Uint8Array[] | undefined;
  /** What asks the addresses of authorities, in the stead of the kit's own: for proxies, mirrors and caches. */
  retrieve?: Retrieve | undefined;
  /** With `done` of `total` documents. */
  onStep?: ((step: FinishStep, progress: { done: number; total: number }) => void) | undefined;
};

/**
 * Completes prepared PDFs with their signatures, at the levels they were prepared for: timestamps over the signatures
 * (B-T), and certificates, OCSP responses and CRLs that show the certificates of signer and time-stamping authority to
 * have been good at that time (B-LT). All of it is verified before it is embedded.
 * @param kept what was collected for this signer before, so that it is not asked for again
 * @throws KysoError integrity — a signature is not one of the certificate's key
 * @throws KysoError certificateStatus — a certificate is revoked or on hold
 * @throws LevelError — a timestamp or the status of a certificate cannot be had; nothing comes out at a lower level
 */
export async function finishPdfs(
  signed: readonly SignedContext[],
  { timestamp, timestampRoots: roots, retrieve = overHttp, onStep }: FinishOptions = {},
  kept: Collector = collector(retrieve),
): Promise<Buffer[]> {
  for (const { context, signature } of signed) checkSignature(context, signature);
  const stepAt = (step: FinishStep, index: number) => onStep?.(step, { done: index + 1, total: signed.length });

  const timestamps: (Timestamp | undefined)[] = [];
  for (const [index, { context, signature }] of signed.entries()) {
    if (context.level === 'B-B') continue;
    stepAt('timestamp', index);
    timestamps[index] = await timestampOver(context, signature, { source: timestamp, retrieve, roots });
  }
  const embedded = signed.map(({ context, signature }, index) => {
    stepAt('embed', index);
    const pdf = embedSignature(context, signature, timestamps[index]?.token);
    return { context, timestamp: timestamps[index], pdf };
  });

  const dataOf = await collectBySigner(embedded, kept);
  const documents: Buffer[] = [];
  for (const [index, { context, pdf }] of embedded.entries()) {
    const data = context.level === 'B-LT' ? dataOf.get(signerOf(context)) : undefined;
    if (data) stepAt('validation data', index);
    documents.push(data ? await addValidationData(pdf, data) : pdf);
  }
  return documents;
}

type Embedded = { context: SigningContext; timestamp: Timestamp | undefined; pdf: Buffer };

const signerOf = ({ chain }: SigningContext): string => Buffer.from(chain[0]).toString('base64');

/** Asked for once for all documents of a signer, after the last of their timestamps. */
async function collectBySigner(embedded: readonly Embedded[], kept: Collector): Promise<Map<string, ValidationData>> {
  const complete = new Map<string, ValidationData>();
  const groups = Map.groupBy(
    embedded.filter(({ context }) => context.level === 'B-LT'),
    ({ context }) => signerOf(context),
  );
  for (const [signer, documents] of groups) {
    const timestamps = documents.flatMap(({ timestamp }) => timestamp ?? []);
    const chains = [documents[0]!.context.chain, ...timestamps.map(({ chain }) => chain)];
    complete.set(
      signer,
      await kept.collect(
        chains,
        timestamps.map(({ time }) => time),
      ),
    );
  }
  return complete;
}
