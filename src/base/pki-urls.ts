import { type HttpPlace, publicUrlOf } from './public-url.ts';

/** Where the certification authority's data can be had, as certificates name it. Each is an address in full. */
export type PkiUrls = {
  /** The certificate of an authority, DER. */
  caIssuers(authority: string): string;
  /** The CRL of a shard; `shard` is AUTHORITY/NUMBER. */
  crl(shard: string): string;
  ocsp: string;
  /** The timestamp service, which stands in no certificate. */
  tsa: string;
};

/** The addresses below `base`, which has no slash at its end; the timestamp service stands beside it. */
export const pkiUrlsAt = (base: string): PkiUrls => ({
  caIssuers: (authority) => `${base}/ca/${authority}.cer`,
  crl: (shard) => `${base}/crl/${shard}.crl`,
  ocsp: `${base}/ocsp`,
  tsa: `${base.replace(/\/pki$/, '')}/tsa`,
});

/** What the configuration says of them: how outsiders see them, and a listener of their own. */
export type PkiPlace = { url?: string; listen?: { host: string; port: number } };

/**
 * The same for a server. Always plain HTTP: whoever fetched them over TLS would first have to check a certificate, whose
 * CRL has such an address again (RFC 5280 §8). Without a word in the configuration: the host of the public URL, and the
 * port where we answer over plain HTTP; behind a proxy that ends TLS that is port 80, where the proxy has to pass them on.
 * @throws KysoError configuration — the host cannot be told
 */
export function pkiUrlsOf(http: HttpPlace, { url, listen }: PkiPlace = {}): PkiUrls {
  if (url) return pkiUrlsAt(url);
  const { protocol, hostname, host, pathname } = new URL(publicUrlOf(http));
  if (listen) return pkiUrlsAt(`http://${hostname}${listen.port === 80 ? '' : `:${listen.port}`}/pki`);
  return pkiUrlsAt(`http://${protocol === 'http:' ? host : hostname}${pathname.replace(/\/$/, '')}/pki`);
}
