/**
 * A refusal by the signing service: the HTTP status with the error object of CSC v1 §9.3. `error` and
 * `errorDescription` are undefined where the answer held no such object (a proxy's page, an empty body).
 */
export class CscError extends Error {
  readonly status: number;
  readonly error: string | undefined;
  readonly errorDescription: string | undefined;

  constructor(method: string, status: number, error?: string, errorDescription?: string) {
    super(`${method} was refused: ${errorDescription ?? error ?? 'no reason given'} (HTTP ${status})`);
    this.name = 'CscError';
    this.status = status;
    this.error = error;
    this.errorDescription = errorDescription;
  }
}
