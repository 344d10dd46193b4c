import type { Rendered } from './templates.ts';

/** A message on its last step: `id` is the same at each try, so that the other side can know it. */
export type Delivery = Rendered & { id: string; to: string };

/** A way out. */
export type Carrier = {
  /**
   * Resolves when the other side has taken the message; `receipt` is what it calls it.
   * @param signal ends the try, wherever it stands
   * @throws DeliveryFailure
   */
  deliver(delivery: Delivery, signal: AbortSignal): Promise<{ receipt?: string | undefined }>;
  close(): void;
};

/** Tries of one carrier at the same time. */
export const atOnce = 4;

/**
 * Why a message did not go out: `permanent` when trying again cannot help. `trouble` is for the operator: a code or
 * status, never an address or a text that the other side wrote.
 */
export class DeliveryFailure extends Error {
  readonly permanent: boolean;
  readonly trouble: string;

  constructor(trouble: string, permanent: boolean, options?: { cause?: unknown }) {
    super(trouble, options);
    this.name = 'DeliveryFailure';
    this.permanent = permanent;
    this.trouble = trouble;
  }
}
