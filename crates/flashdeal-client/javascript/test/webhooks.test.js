// Is it from our shop, and what does it say?
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { BadWebhook, Webhook } from "flashdeal/webhooks";
import { ORDER } from "./scripted.js";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
// The example that the libraries of Standard Webhooks are tested with.
const ID = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const BODY = '{"test": 2432232314}';
const SENT_AT = "1614265330";
const SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const LONG_AGO = { toleranceSeconds: Infinity };

const headers = (signature, sentAt = SENT_AT) => ({
  "Webhook-Id": ID,
  "webhook-timestamp": sentAt,
  "WEBHOOK-SIGNATURE": signature,
});

function sign(body, sentAt) {
  const key = Buffer.from(SECRET.slice(6), "base64");
  return `v1,${createHmac("sha256", key).update(`${ID}.${sentAt}.${body}`).digest("base64")}`;
}

test("a message is signed as others sign it", () => {
  // It is genuine, and says nothing that we know.
  for (const given of [SIGNED, `v1,AAAA v1a,BBBB ${SIGNED}`]) {
    assert.throws(() => new Webhook(SECRET).verify(BODY, headers(given), LONG_AGO), /it is signed/);
    assert.throws(() => new Webhook(SECRET).verify(Buffer.from(BODY), new Headers(headers(given)), LONG_AGO), /it is signed/);
  }
});

test("what is forged or old is refused", () => {
  const webhook = new Webhook(SECRET);
  for (const given of ["", "v1,ä", SIGNED.slice(0, -1), SIGNED.slice(3)]) {
    assert.throws(() => webhook.verify(BODY, headers(given), LONG_AGO), /no signature/);
  }
  assert.throws(() => webhook.verify(`${BODY} `, headers(SIGNED), LONG_AGO), /no signature/);
  assert.throws(() => webhook.verify(BODY, headers(SIGNED)), /too long ago/);
  const tomorrow = String(Math.floor(Date.now() / 1000) + 86_400);
  assert.throws(() => webhook.verify(BODY, headers(sign(BODY, tomorrow), tomorrow)), /too long ago/);
  for (const sentAt of ["soon", "-1", "1e9", "9".repeat(5000)]) {
    assert.throws(() => webhook.verify(BODY, headers(SIGNED, sentAt), LONG_AGO), BadWebhook);
  }
  assert.throws(() => webhook.verify(BODY, {}), BadWebhook);
});

test("an order is read, and what is of another type has none", () => {
  const sentAt = String(Math.floor(Date.now() / 1000));
  const timestamp = "2026-11-22T12:00:00.000Z";
  const told = `{"type":"order.created","timestamp":"${timestamp}","data":${ORDER}}`;
  const event = new Webhook(SECRET).verify(told, headers(sign(told, sentAt), sentAt));
  assert.deepEqual([event.id, event.order.total, event.data.total], [ID, ...Array(2).fill("9999999999990000.01")]);
  assert.deepEqual(event.timestamp, new Date(timestamp));
  const ping = `{"type":"ping","timestamp":"${timestamp}","data":{}}`;
  const pinged = new Webhook(SECRET).verify(ping, headers(sign(ping, sentAt), sentAt));
  assert.deepEqual([pinged.type, "order" in pinged], ["ping", false]);
});

test("secrets that are none are refused", () => {
  for (const secret of ["", "whsec_", "whsec_ä", "whsec_a*b="]) assert.throws(() => new Webhook(secret), TypeError);
});
