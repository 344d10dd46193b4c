/** The client kit: what an application needs to have documents signed by a CSC v1 service. */
export type { Chain } from '../pki/cms.ts';
export type { CredentialInfo, ServiceInfo } from './csc-answers.ts';
export {
  type Authorization,
  type AuthorizeRequest,
  type CscClient,
  cscClient,
  type ExtendRequest,
  type Login,
  type SignHashRequest,
} from './csc-client.ts';
export { CscError } from './csc-error.ts';
export type { CscService } from './csc-transport.ts';
export {
  embedSignature,
  type PdfSignatureOptions,
  type PreparedPdf,
  preparePdf,
  type SigningContext,
} from './pades.ts';
export type { Placement } from './placement.ts';
export {
  type AskFactor,
  type NamedPdf,
  type SignPdfOptions,
  type SignPdfStep,
  signPdf,
  signPdfs,
} from './sign-pdf.ts';
export type { SignatureDetails, SignatureLook } from './signature-details.ts';
