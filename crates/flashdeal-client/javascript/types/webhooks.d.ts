import type { Order } from "./index.js";

/** A message that is genuine. */
export interface WebhookEvent {
  /** The same however often it is told: take none twice. */
  readonly id: string;
  /** `order.created`; pass over types that you do not know. */
  readonly type: string;
  readonly timestamp: Date;
  /** Of `order.created`: what was sold. */
  readonly order?: Order;
  /** What the message says; money is a string in it. */
  readonly data: unknown;
}

/** The message is not to be believed: answer 401 and do nothing. */
export class BadWebhook extends Error {}

/** Headers as fetch has them, or as node:http has them. */
export type WebhookHeaders = Headers | Record<string, string | string[] | undefined>;

/** Verifies what the server pushes, as Standard Webhooks has it. For servers: it needs `node:crypto`. */
export class Webhook {
  /** `secret` is the server's FLASHDEAL_WEBHOOK_SECRET, `whsec_…`; throws a TypeError if it is none. */
  constructor(secret: string);
  /**
   * The event, if it was signed with the secret no more than `toleranceSeconds` (300) ago; else throws {@link BadWebhook}.
   * `body` is as it came: JSON that was read and written again is signed differently.
   */
  verify(body: string | Uint8Array, headers: WebhookHeaders, options?: { toleranceSeconds?: number }): WebhookEvent;
}
