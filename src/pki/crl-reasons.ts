/** CRLReason (RFC 5280 §5.3.1). `removeFromCRL` is left out: it belongs to delta CRLs, which we neither make nor take. */
export const crlReasons = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const;

export type CrlReason = keyof typeof crlReasons;

/** The name of a CRLReason; undefined for a number that stands for none of ours. */
export function crlReasonOf(code: number): CrlReason | undefined {
  return (Object.keys(crlReasons) as CrlReason[]).find((name) => crlReasons[name] === code);
}
