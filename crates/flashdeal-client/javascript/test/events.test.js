// Live stock over connections that end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { hangUp, problem, PRODUCT, scripted, stream } from "./scripted.js";

const HELLO = "retry: 10\n\n: keep-alive\n\n";

function event(totalStock, reservedStock) {
  const data = { productId: PRODUCT, totalStock, reservedStock, availableStock: totalStock - reservedStock };
  return `id: ${PRODUCT}:${totalStock}:${reservedStock}\nevent: stock\ndata: ${JSON.stringify(data)}\n\n`;
}

test("a lost stream goes on after the last event", () => {
  const first = stream(`${HELLO}${event(5, 0)}${event(5, 1)}id: half\nevent: stock\ndata: {`);
  const noise = "event: news\ndata: {}\n\ndata: {}\n\n";
  const last = stream(HELLO + noise + event(5, 2).replaceAll("\n", "\r\n"), { stays: true });
  return scripted([first, hangUp, problem(503, "unavailable"), last], async ({ client, seen }) => {
    const told = [];
    for await (const one of client({ token: "t0k" }).watch(PRODUCT, { patienceMs: 600_000 })) if (told.push(one) === 3) break;
    assert.deepEqual(told.map(({ availableStock }) => availableStock), [5, 4, 3]);
    assert.ok(told.every(({ productId }) => productId === PRODUCT));
    assert.equal(told[1].eventId, `${PRODUCT}:5:1`);
    assert.equal(seen[0].line, `GET /api/products/${PRODUCT}/events`);
    assert.equal(seen[0].headers.authorization, "Bearer t0k");
    const resumed = seen.map(({ headers }) => headers["last-event-id"]);
    assert.deepEqual(resumed, [undefined, ...Array(3).fill(`${PRODUCT}:5:1`)]);
  });
});

test("several products and an id from before", () =>
  scripted([stream(event(5, 0), { stays: true })], async ({ client, seen }) => {
    for await (const { totalStock } of client().watch(["a", "b"], { lastEventId: "a:5:1", patienceMs: 600_000 })) {
      assert.equal(totalStock, 5);
      break;
    }
    assert.equal(seen[0].line, "GET /api/events?products=a,b");
    assert.equal(seen[0].headers["last-event-id"], "a:5:1");
    assert.throws(() => client().watch([]), TypeError);
  }));

test("a refusal is thrown and patience ends", async () => {
  for (const [status, code] of [[404, "product_not_found"], [429, "rate_limited"]]) {
    await scripted([problem(status, code, {}, { "retry-after": "840" })], async ({ client, seen }) => {
      await assert.rejects(client().watch(PRODUCT).next(), { status, code });
      assert.equal(seen.length, 1);
    });
  }
  await scripted(Array(100).fill(hangUp), ({ client }) =>
    assert.rejects(client().watch(PRODUCT, { patienceMs: 300 }).next(), { code: "no_answer" }),
  );
});

test("an event of somebody else is unreadable", () =>
  scripted([stream("event: stock\ndata: {}\n\n")], ({ client }) =>
    assert.rejects(client().watch(PRODUCT).next(), { code: "unreadable_answer" }),
  ));

test("a signal ends it while it waits", () =>
  scripted([stream(event(5, 0), { stays: true })], async ({ client }) => {
    const controller = new AbortController();
    const events = client().watch(PRODUCT, { patienceMs: 600_000, signal: controller.signal });
    assert.equal((await events.next()).value.availableStock, 5);
    setTimeout(() => controller.abort(), 300);
    await assert.rejects(events.next(), { name: "AbortError" });
  }));
