// Webhooks as Standard Webhooks has them: is it from our shop, and what does it say?
import { createHmac, timingSafeEqual } from "node:crypto";
import { order, parse, string, time } from "./read.js";

/** The message is not to be believed. */
export class BadWebhook extends Error {
  name = "BadWebhook";
}

export class Webhook {
  /** @type {Uint8Array} */
  #key;

  /** @param {string} secret */
  constructor(secret) {
    const encoded = secret.replace(/^whsec_/, "");
    if (!/^[A-Za-z0-9+/]{2,}={0,2}$/.test(encoded)) {
      throw new TypeError("a webhook secret is whsec_ and base64: it is the server's FLASHDEAL_WEBHOOK_SECRET");
    }
    this.#key = Uint8Array.from(atob(encoded), (byte) => byte.charCodeAt(0));
  }

  /**
   * @param {string | Uint8Array} body
   * @param {import("../types/webhooks.js").WebhookHeaders} headers
   * @param {{ toleranceSeconds?: number }} options
   * @returns {import("../types/webhooks.js").WebhookEvent}
   */
  verify(body, headers, { toleranceSeconds = 300 } = {}) {
    const [id, sentAt] = [header(headers, "webhook-id"), header(headers, "webhook-timestamp")];
    if (id === "" || !/^\d{1,15}$/.test(sentAt)) throw new BadWebhook("webhook-id or webhook-timestamp is missing");
    const signed = createHmac("sha256", this.#key).update(`${id}.${sentAt}.`).update(body).digest();
    if (!isAmong(signed, header(headers, "webhook-signature"))) throw new BadWebhook("no signature is by this secret");
    if (Math.abs(Date.now() / 1000 - Number(sentAt)) > toleranceSeconds) {
      throw new BadWebhook("it was signed too long ago, or the clocks differ");
    }
    try {
      const said = Object(parse(typeof body === "string" ? body : new TextDecoder().decode(body)));
      const type = string(said, "type");
      const sold = type === "order.created" ? { order: order(Object(said.data)) } : {};
      return { id, type, timestamp: time(said, "timestamp"), ...sold, data: said.data };
    } catch (cause) {
      throw new BadWebhook(`it is signed, but no event of flashdeal: ${cause}`, { cause });
    }
  }
}

/**
 * There may be several, as while a secret is replaced.
 *
 * @param {Uint8Array} signed
 * @param {string} signatures
 */
function isAmong(signed, signatures) {
  const wanted = new TextEncoder().encode(`v1,${btoa(String.fromCharCode(...signed))}`);
  const given = signatures.split(" ").map((one) => new TextEncoder().encode(one));
  return given.some((one) => one.length === wanted.length && timingSafeEqual(one, wanted));
}

/**
 * @param {import("../types/webhooks.js").WebhookHeaders} headers
 * @param {string} name
 */
function header(headers, name) {
  if (headers instanceof Headers) return headers.get(name) ?? "";
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return typeof found === "string" ? found : "";
}
