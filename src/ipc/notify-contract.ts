import Type, { type Static } from 'typebox';
import { Closed, Empty, Id, Instant, Text } from './fields.ts';

/** What a message is about; its texts in Vietnamese and English stand in `notify/templates.ts`. */
export const templateNames = [
  'activation.email',
  'activation.sms',
  'activated',
  'oneTimeCode',
  'signed',
  'pinChanged',
  'passwordChanged',
  'pinLocked',
  'otpLocked',
  'frozen',
  'unfrozen',
  'totpMoveBegun',
  'totpMoveConfirmed',
  'totpMoveCancelled',
  'totpMoved',
] as const;
export type TemplateName = (typeof templateNames)[number];

/**
 * One message to one person. The sender chooses `id`; a message that comes again under it is delivered once.
 * `values` fill the template; they may hold a secret (a code, an activation half). After `expiresAt` nobody wants it.
 */
export const OutboundMessage = Closed({
  id: Id,
  channel: Type.Enum(['email', 'sms']),
  to: Text(254),
  template: Type.Enum([...templateNames]),
  values: Type.Record(Type.String({ pattern: '^[A-Za-z]{1,32}$' }), Text(500)),
  expiresAt: Instant,
});
export type OutboundMessage = Static<typeof OutboundMessage>;

/** Messages that notify answers. */
export const notifyContract = {
  /** Answers when all are durable in the outbox. */
  'messages.post': {
    links: ['signer'],
    params: Closed({ messages: Type.Array(OutboundMessage, { minItems: 1, maxItems: 100 }) }),
    result: Empty,
  },
  status: {
    links: ['signer', 'operator'],
    params: Empty,
    result: Closed({
      ready: Type.Boolean(),
      waiting: Type.Integer({ minimum: 0 }),
      /** Messages wait because the last tries to deliver failed. */
      delayed: Type.Boolean(),
      trouble: Type.Optional(Text(200)),
    }),
  },
} as const;
export type NotifyContract = typeof notifyContract;
