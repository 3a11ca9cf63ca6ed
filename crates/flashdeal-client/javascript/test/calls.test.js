// What is sent, what is read, and what an error tells.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "flashdeal";
import { HOLD, ORDER, PHONE, problem, PRODUCT, say, scripted, WAITS } from "./scripted.js";

const NOON = new Date("2026-11-22T12:00:00Z");
const CALLED = HOLD.replace("{", '{"called":true,');

test("money is exact and times are instants", () =>
  scripted([say(201, ORDER), say(200, PHONE)], async ({ client, seen }) => {
    const sold = await client().checkout(PRODUCT, { userId: "ada", reservationId: "r" });
    // Neither survives as a number.
    assert.deepEqual([sold.unitPrice, sold.total], ["9999999999.99", "9999999999990000.01"]);
    assert.deepEqual(sold.createdAt, NOON);
    const product = await client().product(PRODUCT);
    assert.deepEqual([product.price, product.name], ["0.10", '5" Phone "price":1.5 \\']);
    assert.ok(!("startsAt" in product));
    assert.equal(seen[0].body, '{"userId":"ada","reservationId":"r"}');
  }));

test("prices go out as they are and never as numbers", () =>
  scripted([say(201, PHONE)], async ({ client, seen }) => {
    const product = { name: "Phone", price: "0.10", totalStock: 200, startsAt: NOON, maxPerReservation: 5 };
    await client().createProduct(product);
    assert.deepEqual(JSON.parse(seen[0].body), { ...product, startsAt: "2026-11-22T12:00:00.000Z" });
    await assert.rejects(client().createProduct({ ...product, price: 0.1 }), TypeError);
    await assert.rejects(client().changeProduct(PRODUCT, { price: 0.1 }), TypeError);
    assert.equal(seen.length, 1);
  }));

test("a change names only what changes", () =>
  scripted(Array(2).fill(say(200, PHONE)), async ({ client, seen }) => {
    await client().changeProduct(PRODUCT, { addStock: -5 });
    await client().changeProduct(PRODUCT, { startsAt: null, endsAt: NOON, description: "", price: undefined });
    assert.equal(seen[0].line, `PATCH /api/products/${PRODUCT}`);
    assert.deepEqual(
      seen.map(({ body }) => body),
      ['{"addStock":-5}', '{"startsAt":null,"endsAt":"2026-11-22T12:00:00.000Z","description":""}'],
    );
  }));

test("no hold is no error", () => {
  const gone = problem(404, "no_reservation");
  const script = [say(200, HOLD), gone, say(200, HOLD), gone, problem(404, "product_not_found")];
  return scripted(script, async ({ client, seen }) => {
    const held = await client().hold(PRODUCT, "a&b ü");
    assert.equal(held.expiresAt.getMilliseconds(), 123);
    assert.equal(await client().hold(PRODUCT, "ada"), null);
    assert.deepEqual(await client().release(PRODUCT, "ada"), held);
    assert.equal(await client().release(PRODUCT), null);
    await assert.rejects(client().hold(PRODUCT, "ada"), { code: "product_not_found" });
    const path = `/api/products/${PRODUCT}/reserve`;
    assert.equal(seen[0].line, `GET ${path}?userId=a%26b+%C3%BC`);
    assert.deepEqual([seen[2].line, seen[3].line], [`DELETE ${path}?userId=ada`, `DELETE ${path}`]);
  });
});

test("a wait is told as it stands", () => {
  const place = { productId: PRODUCT, userId: "ada", quantity: 2, joinedAt: NOON, called: false };
  const gone = problem(404, "not_waiting");
  const waits = [say(201, WAITS), say(200, WAITS), say(200, WAITS), say(200, CALLED), gone];
  const leaves = [say(200, WAITS.replace(',"ahead":7', "")), gone, problem(404, "product_not_found")];
  return scripted([...waits, ...leaves], async ({ client, seen }) => {
    const shop = client();
    assert.deepEqual(await shop.join(PRODUCT, { userId: "ada", quantity: 2 }), { ...place, ahead: 7, created: true });
    assert.equal((await shop.join(PRODUCT, { quantity: 1 })).created, false);
    assert.deepEqual(await shop.wait(PRODUCT, "a&b ü"), { ...place, ahead: 7 });
    const { called, quantity, expiresAt, reservationId } = await shop.wait(PRODUCT, "ada");
    assert.deepEqual([called, quantity, expiresAt.getMilliseconds()], [true, 2, 123]);
    assert.equal(reservationId, JSON.parse(HOLD).reservationId);
    assert.equal(await shop.wait(PRODUCT), null);
    assert.deepEqual(await shop.leave(PRODUCT, "ada"), place);
    assert.equal(await shop.leave(PRODUCT, "ada"), null);
    await assert.rejects(shop.wait(PRODUCT, "ada"), { code: "product_not_found" });
    const path = `/api/products/${PRODUCT}/waitlist`;
    assert.deepEqual(
      seen.slice(1, 6).map(({ line }) => line),
      [
        `POST ${path}`,
        `GET ${path}?userId=a%26b+%C3%BC`,
        `GET ${path}?userId=ada`,
        `GET ${path}`,
        `DELETE ${path}?userId=ada`,
      ],
    );
    assert.deepEqual([seen[0].body, seen[1].body], ['{"userId":"ada","quantity":2}', '{"quantity":1}']);
  });
});

test("a wait of somebody else is unreadable", () => {
  const bodies = [HOLD, '{"items":[],"nextCursor":null}', WAITS.replace("false", "0"), CALLED];
  return scripted(bodies.map((body) => say(200, body)), async ({ client }) => {
    for (let nth = 0; nth < 3; nth += 1) {
      await assert.rejects(client().wait(PRODUCT, "ada"), { code: "unreadable_answer" });
    }
    await assert.rejects(client().join(PRODUCT, { userId: "ada", quantity: 2 }), { code: "unreadable_answer" });
  });
});

test("a line comes by page and whole", () => {
  const waits = WAITS.replace(',"ahead":7', "");
  const first = say(200, `{"items":[${waits},${waits}],"nextCursor":"8"}`);
  const last = say(200, `{"items":[${waits}],"nextCursor":null}`);
  return scripted([first, first, last], async ({ client, seen }) => {
    const page = await client().waits(PRODUCT, { limit: 2, cursor: "5" });
    assert.deepEqual([page.items.map(({ userId }) => userId), page.nextCursor], [["ada", "ada"], "8"]);
    let count = 0;
    for await (const { quantity } of client().allWaits(PRODUCT)) count += quantity;
    assert.equal(count, 6);
    const path = `GET /api/products/${PRODUCT}/waitlist?limit=`;
    assert.deepEqual(
      seen.map(({ line }) => line),
      [`${path}2&cursor=5`, `${path}100`, `${path}100&cursor=8`],
    );
  });
});

test("lists come by page and whole", () => {
  const first = say(200, `{"items":[${ORDER},${ORDER}],"nextCursor":"c1"}`);
  const last = say(200, `{"items":[${ORDER}],"nextCursor":null}`);
  const products = say(200, `{"items":[${PHONE}],"nextCursor":null}`);
  return scripted([first, first, last, products], async ({ client, seen }) => {
    const shop = client({ token: "t0k" }, "/deals/");
    const page = await shop.orders({ userId: "ada", productId: PRODUCT }, { limit: 2 });
    assert.deepEqual([page.items.length, page.nextCursor], [2, "c1"]);
    let count = 0;
    for await (const { quantity } of shop.allOrders({ userId: "ada" })) count += quantity;
    for await (const { totalStock } of shop.allProducts()) count += totalStock;
    assert.equal(count, 3_000_200);
    assert.deepEqual(
      seen.map(({ line }) => line),
      [
        `GET /deals/api/orders?limit=2&userId=ada&productId=${PRODUCT}`,
        "GET /deals/api/orders?limit=100&userId=ada",
        "GET /deals/api/orders?limit=100&cursor=c1&userId=ada",
        "GET /deals/api/products?limit=100",
      ],
    );
    assert.ok(seen.every(({ headers }) => headers.authorization === "Bearer t0k"));
  });
});

test("errors tell all that the server said", () => {
  const script = [
    problem(400, "invalid_request", { errors: [{ field: "quantity", message: "must be 1 or more" }] }),
    problem(409, "insufficient_stock", { availableStock: 1, reason: "all_held" }),
    problem(409, "sale_not_started", { startsAt: NOON }, { "retry-after": "7" }),
    problem(409, "limit_per_reservation", { maxPerReservation: 5 }),
    say(418, "<html>I am a proxy</html>"),
  ];
  return scripted(script, async ({ client }) => {
    const told = [];
    for (const _ of script) told.push(await client().reserve(PRODUCT, { quantity: 2 }).catch((error) => error));
    const [broken, short, early, many, page] = told;
    assert.deepEqual(broken.errors, [{ field: "quantity", message: "must be 1 or more" }]);
    assert.equal(broken.message, "400 invalid_request: Told. quantity must be 1 or more. (request r-7)");
    assert.deepEqual([broken.name, broken.detail, broken.requestId], ["FlashdealError", "Told.", "r-7"]);
    assert.deepEqual([short.availableStock, short.reason, short.mayFreeUp], [1, "all_held", true]);
    assert.deepEqual([early.startsAt, early.retryAfter, early.mayFreeUp], [NOON, 7, false]);
    assert.equal(many.maxPerReservation, 5);
    assert.deepEqual([page.status, page.code, page.requestId], [418, "", ""]);
  });
});

test("an answer of somebody else is unreadable", async () => {
  const long = `{"totalStock":1,"reservedStock":0,"availableStock":1${" ".repeat(5_000_000)}}`;
  for (const body of ["<html>", "[]", "null", "{}", '{"totalStock":1.5,"reservedStock":0,"availableStock":0}', long]) {
    await scripted([say(200, body)], ({ client }) =>
      assert.rejects(client().status(PRODUCT), { code: "unreadable_answer", status: 200 }),
    );
  }
});

test("settings that make no client are refused", () => {
  for (const url of ["shop:8080", "127.0.0.1", "ftp://shop", "http://", "http://shop/?a=b", "http://me@shop", ""]) {
    assert.throws(() => new Client(url), TypeError, url);
  }
  for (const options of [{ token: "" }, { token: "a\nb" }, { token: "ä" }, { attempts: 0 }, { totalTimeMs: NaN }]) {
    assert.throws(() => new Client("http://shop", options), TypeError);
  }
});
