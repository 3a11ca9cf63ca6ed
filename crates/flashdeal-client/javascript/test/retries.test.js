// What is repeated, with which key, and when.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { Client } from "flashdeal";
import { cutOff, hangUp, HOLD, ORDER, PHONE, problem, PRODUCT, say, scripted, sleep, WAITS } from "./scripted.js";

const wish = { userId: "ada", quantity: 2 };
const unavailable = problem(503, "unavailable");

test("a reserve is repeated with the key the client made", () =>
  scripted([hangUp, unavailable, cutOff, say(201, HOLD)], async ({ client, seen, keys }) => {
    const held = await client().reserve(PRODUCT, wish);
    assert.equal(held.quantity, 2);
    assert.deepEqual([held.created, held.replayed], [true, false]);
    assert.equal(seen.length, 4);
    assert.equal(new Set(keys()).size, 1);
    assert.match(keys()[0], /^[0-9a-f]{32}$/);
    assert.ok(seen.every(({ body }) => body === '{"userId":"ada","quantity":2}'));
  }));

test("a checkout is repeated with the same key until its outcome is known", () => {
  const again = say(200, ORDER, { "idempotent-replayed": "true" });
  return scripted([hangUp, problem(409, "checkout_in_progress"), again], async ({ client, keys }) => {
    const sold = await client().checkout(PRODUCT, { userId: "ada" });
    assert.deepEqual([sold.created, sold.replayed], [false, true]);
    assert.equal(keys().length, 3);
    assert.equal(new Set(keys()).size, 1);
  });
});

test("a place in line is asked for and left again without a key", () => {
  const left = say(200, WAITS.replace(',"ahead":7', ""));
  const script = [hangUp, unavailable, say(200, WAITS), hangUp, unavailable, left, problem(409, "waiting_list_full")];
  return scripted(script, async ({ client, seen, keys }) => {
    assert.equal((await client().join(PRODUCT, wish)).ahead, 7);
    assert.notEqual(await client().leave(PRODUCT, "ada"), null);
    await assert.rejects(client().join(PRODUCT, wish), { code: "waiting_list_full", attempts: 1 });
    const methods = seen.map(({ line }) => line.split(" ")[0]);
    assert.deepEqual(methods, [...Array(3).fill("POST"), ...Array(3).fill("DELETE"), "POST"]);
    assert.ok(keys().every((key) => key === undefined));
  });
});

test("two calls have two keys and a given key is used, also without a global crypto", () =>
  scripted([say(201, HOLD), say(200, HOLD), say(200, HOLD), say(200, HOLD)], async ({ client, seen, keys }) => {
    await client().reserve(PRODUCT, wish);
    await client().reserve(PRODUCT, wish);
    await client().reserve(PRODUCT, wish, { idempotencyKey: "mine" });
    const crypto = Object.getOwnPropertyDescriptor(globalThis, "crypto");
    try {
      // As it is in Node.js 18.
      Object.defineProperty(globalThis, "crypto", { value: undefined, configurable: true });
      await client().reserve(PRODUCT, wish);
    } finally {
      if (crypto === undefined) delete globalThis.crypto;
      else Object.defineProperty(globalThis, "crypto", crypto);
    }
    assert.equal(new Set(keys()).size, 4);
    assert.equal(keys()[2], "mine");
    assert.match(keys()[3], /^[0-9a-f]{32}$/);
    for (const idempotencyKey of ["", "a b", "ä", "k".repeat(256), "a\r\nb"]) {
      await assert.rejects(client().reserve(PRODUCT, wish, { idempotencyKey }), TypeError);
    }
    assert.equal(seen.length, 4);
  }));

test("Retry-After is honoured", async () => {
  for (const [status, code] of [[503, "unavailable"], [429, "rate_limited"]]) {
    const refusal = problem(status, code, {}, { "retry-after": "1" });
    await scripted([refusal, say(201, HOLD)], async ({ client, seen }) => {
      await client().reserve(PRODUCT, wish);
      assert.ok(seen[1].at - seen[0].at >= 999, `${seen[1].at - seen[0].at} ms`);
    });
  }
});

test("a wait that does not fit is not begun", () =>
  scripted([problem(429, "rate_limited", {}, { "retry-after": "840" })], async ({ client }) => {
    const begun = performance.now();
    const told = { status: 429, code: "rate_limited", retryAfter: 840 };
    await assert.rejects(client().reserve(PRODUCT, wish), told);
    assert.ok(performance.now() - begun < 200_000);
  }));

test("attempts are bounded and observed", () =>
  scripted(Array(9).fill(unavailable), async ({ client, seen }) => {
    const told = [];
    const shop = client({ attempts: 3, onAttempt: ({ tookMs, ...one }) => told.push(one) });
    await assert.rejects(shop.status(PRODUCT), { code: "unavailable", attempts: 3 });
    assert.equal(seen.length, 3);
    assert.deepEqual(told, [1, 2, 3].map((number) => ({ operation: "status", number, status: 503 })));
  }));

test("a call takes no longer than it may", () =>
  scripted([], async ({ client, keys }) => {
    const begun = performance.now();
    const shop = client({ attempts: 100, attemptTimeMs: 200, totalTimeMs: 1000 });
    await assert.rejects(shop.reserve(PRODUCT, wish), { code: "no_answer", status: undefined });
    // A hundred attempts would take longer.
    assert.ok(performance.now() - begun < 120_000);
    assert.ok(new Set(keys()).size <= 1);
  }));

test("an answer that drips is too slow as well", async () => {
  // Each byte comes within the time of an attempt, the whole never does.
  const server = createServer((peer) => {
    peer.on("error", () => {});
    peer.write("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
    const drip = setInterval(() => peer.write(" "), 100);
    peer.on("close", () => clearInterval(drip));
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const shop = new Client(`http://127.0.0.1:${server.address().port}`, { attempts: 1, attemptTimeMs: 1000 });
  await assert.rejects(shop.status(PRODUCT), { code: "no_answer" });
  server.close();
});

test("what would be done twice is not repeated", () =>
  scripted([hangUp, unavailable, hangUp, hangUp, say(200, PHONE)], async ({ client, seen }) => {
    const product = { name: "Phone", price: "0.10", totalStock: 200 };
    for (const code of ["no_answer", "unavailable"]) {
      await assert.rejects(client().createProduct(product), { code, attempts: 1 });
    }
    await assert.rejects(client().changeProduct(PRODUCT, { addStock: -5 }), { code: "no_answer", attempts: 1 });
    assert.equal((await client().changeProduct(PRODUCT, { price: "0.10" })).availableStock, 197);
    assert.equal(seen.length, 5);
  }));

test("a server that is not there yet is waited for by every call", async () => {
  const server = createServer();
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const shop = new Client(`http://127.0.0.1:${server.address().port}`, { attempts: 2 });
  await new Promise((closed) => server.close(closed));
  const call = shop.createProduct({ name: "Phone", price: "1", totalStock: 1 });
  await assert.rejects(call, { code: "no_answer", attempts: 2 });
});

test("what is refused for good is not repeated", async () => {
  for (const status of [302, 400, 404, 409, 422, 500]) {
    await scripted([problem(status, "some_code", {}, { location: "/elsewhere" }), sleep], async ({ client, seen }) => {
      await assert.rejects(client().reserve(PRODUCT, wish), { status, code: "some_code" });
      assert.equal(seen.length, 1);
    });
  }
});

test("a signal ends a call, in an attempt and in a wait", async () => {
  const reason = new Error("the page was left");
  for (const step of [sleep, problem(503, "unavailable", {}, { "retry-after": "10" })]) {
    await scripted([step], async ({ client, seen }) => {
      const controller = new AbortController();
      const call = client().reserve(PRODUCT, wish, { signal: controller.signal });
      setTimeout(() => controller.abort(reason), 300);
      await assert.rejects(call, reason);
      assert.ok(seen.length <= 1);
      const product = { name: "Phone", price: "1", totalStock: 1 };
      await assert.rejects(client().createProduct(product, { signal: controller.signal }), reason);
    });
  }
});
