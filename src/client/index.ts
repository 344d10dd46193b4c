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
  type TimestampRequest,
} from './csc-client.ts';
export { CscError } from './csc-error.ts';
export type { CscService } from './csc-transport.ts';
export { addValidationData, type ValidationData } from './dss.ts';
export { type FinishOptions, type FinishStep, finishPdfs, type SignedContext } from './finish.ts';
export { LevelError, type SignatureLevel, signatureLevels } from './level.ts';
export {
  embedSignature,
  type PdfSignatureOptions,
  type PreparedPdf,
  preparePdf,
  type SigningContext,
} from './pades.ts';
export type { Placement } from './placement.ts';
export { type Question, type Retrieve, retrieve } from './retrieve.ts';
export {
  type AskFactor,
  type NamedPdf,
  type SignPdfOptions,
  type SignPdfStep,
  signPdf,
  signPdfs,
} from './sign-pdf.ts';
export type { SignatureDetails, SignatureLook } from './signature-details.ts';
export type { AskTimestamp, TimestampQuestion, TimestampSource } from './timestamp.ts';
