// The calls, one method each; types/index.d.ts says what each does.
import { FlashdealError, unreadable } from "./errors.js";
import { watch } from "./events.js";
import * as read from "./read.js";
import { send } from "./send.js";

/** @typedef {import("../types/index.js").CallOptions} CallOptions */
/** @typedef {import("../types/index.js").KeyOptions} KeyOptions */
/** @typedef {import("../types/index.js").PageOptions} PageOptions */
/** @typedef {import("../types/index.js").OrderFilter} OrderFilter */
/** @typedef {import("./send.js").Answer} Answer */

/**
 * @typedef {object} Sent
 * @property {Record<string, string | number | undefined>} [query]
 * @property {object} [body]
 * @property {string} [key]
 * @property {boolean} [repeatable]
 */

export class Client {
  /** @type {string} */
  #base;
  /** @type {Record<string, string>} */
  #headers = { accept: "application/json" };
  /** @type {import("./send.js").Settings} */
  #settings;

  /**
   * @param {string | URL} baseUrl
   * @param {import("../types/index.js").ClientOptions} [options]
   */
  constructor(baseUrl, options = {}) {
    this.#base = `${readBase(baseUrl)}/api/`;
    const { token, attempts = 5, attemptTimeMs = 5000, totalTimeMs = 15_000, onAttempt } = options;
    if (token !== undefined) {
      if (!/^[!-~]+$/.test(token)) throw new TypeError("the token has characters that no header can carry");
      this.#headers.authorization = `Bearer ${token}`;
    }
    if (!(attempts >= 1 && attemptTimeMs > 0 && totalTimeMs > 0)) {
      throw new TypeError("attempts, attemptTimeMs and totalTimeMs are more than nothing");
    }
    /** @type {typeof globalThis.fetch} */
    const fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
    this.#settings = { attempts, attemptTimeMs, totalTimeMs, onAttempt, fetch };
  }

  /**
   * @param {import("../types/index.js").NewProduct} product
   * @param {CallOptions} [options]
   */
  async createProduct(product, options) {
    const body = { ...product, price: money(product.price) };
    const answer = await this.#send("createProduct", "POST", ["products"], { body, repeatable: false }, options);
    return readAnswer(answer, read.product);
  }

  /**
   * @param {string} productId
   * @param {CallOptions} [options]
   */
  async product(productId, options) {
    return readAnswer(await this.#send("product", "GET", ["products", productId], {}, options), read.productWithStock);
  }

  /** @param {PageOptions} options */
  async products({ limit = 20, cursor, ...options } = {}) {
    const answer = await this.#send("products", "GET", ["products"], { query: { limit, cursor } }, options);
    return readAnswer(answer, (body) => read.page(body, read.product));
  }

  /** @param {CallOptions} [options] */
  allProducts(options) {
    return allOf((cursor) => this.products({ ...options, limit: 100, cursor }));
  }

  /**
   * @param {string} productId
   * @param {import("../types/index.js").ProductChange} change
   * @param {CallOptions} [options]
   */
  async changeProduct(productId, change, options) {
    const body = change.price === undefined ? change : { ...change, price: money(change.price) };
    const sent = { body, repeatable: change.addStock === undefined };
    const answer = await this.#send("changeProduct", "PATCH", ["products", productId], sent, options);
    return readAnswer(answer, read.productWithStock);
  }

  /**
   * @param {string} productId
   * @param {CallOptions} [options]
   */
  async status(productId, options) {
    return readAnswer(await this.#send("status", "GET", ["products", productId, "status"], {}, options), read.status);
  }

  /**
   * @param {string | readonly string[]} productIds
   * @param {import("../types/index.js").WatchOptions} [options]
   */
  watch(productIds, options = {}) {
    const ids = [productIds].flat().map(encodeURIComponent);
    if (ids.length === 0) throw new TypeError("watch which products?");
    const path = ids.length === 1 ? `products/${ids[0]}/events` : `events?products=${ids.join(",")}`;
    const headers = { ...this.#headers, accept: "text/event-stream, application/problem+json" };
    return watch(this.#settings, this.#base + path, headers, options);
  }

  /**
   * @param {string} productId
   * @param {{ userId?: string | undefined, quantity: number }} wish
   * @param {KeyOptions} [options]
   */
  async reserve(productId, { userId, quantity }, options) {
    const sent = { body: { userId, quantity }, key: keyOf(options) };
    const answer = await this.#send("reserve", "POST", ["products", productId, "reserve"], sent, options);
    return { ...readAnswer(answer, read.reservation), ...outcome(answer) };
  }

  /**
   * @param {string} productId
   * @param {string} [userId]
   * @param {CallOptions} [options]
   */
  hold(productId, userId, options) {
    const path = ["products", productId, "reserve"];
    return this.#ofUser("hold", "GET", path, userId, options, read.reservation, "no_reservation");
  }

  /**
   * @param {string} productId
   * @param {string} [userId]
   * @param {CallOptions} [options]
   */
  release(productId, userId, options) {
    const path = ["products", productId, "reserve"];
    return this.#ofUser("release", "DELETE", path, userId, options, read.reservation, "no_reservation");
  }

  /**
   * @param {string} productId
   * @param {{ userId?: string | undefined, reservationId?: string | undefined }} hold
   * @param {KeyOptions} [options]
   */
  async checkout(productId, { userId, reservationId } = {}, options) {
    const sent = { body: { userId, reservationId }, key: keyOf(options) };
    const answer = await this.#send("checkout", "POST", ["products", productId, "checkout"], sent, options);
    return { ...readAnswer(answer, read.order), ...outcome(answer) };
  }

  /**
   * @param {string} productId
   * @param {{ userId?: string | undefined, quantity: number }} wish
   * @param {CallOptions} [options]
   */
  async join(productId, { userId, quantity }, options) {
    // A repeat keeps the place, so it needs no key.
    const sent = { body: { userId, quantity } };
    const answer = await this.#send("join", "POST", ["products", productId, "waitlist"], sent, options);
    return { ...readAnswer(answer, read.waitInLine), created: answer.status === 201 };
  }

  /**
   * @param {string} productId
   * @param {string} [userId]
   * @param {CallOptions} [options]
   */
  wait(productId, userId, options) {
    const path = ["products", productId, "waitlist"];
    return this.#ofUser("wait", "GET", path, userId, options, read.waitOfUser, "not_waiting");
  }

  /**
   * @param {string} productId
   * @param {string} [userId]
   * @param {CallOptions} [options]
   */
  leave(productId, userId, options) {
    const path = ["products", productId, "waitlist"];
    return this.#ofUser("leave", "DELETE", path, userId, options, read.wait, "not_waiting");
  }

  /**
   * @param {string} productId
   * @param {PageOptions} options
   */
  async waits(productId, { limit = 20, cursor, ...options } = {}) {
    const sent = { query: { limit, cursor } };
    const answer = await this.#send("waits", "GET", ["products", productId, "waitlist"], sent, options);
    return readAnswer(answer, (body) => read.page(body, read.wait));
  }

  /**
   * @param {string} productId
   * @param {CallOptions} [options]
   */
  allWaits(productId, options) {
    return allOf((cursor) => this.waits(productId, { ...options, limit: 100, cursor }));
  }

  /**
   * @param {string} orderId
   * @param {CallOptions} [options]
   */
  async order(orderId, options) {
    return readAnswer(await this.#send("order", "GET", ["orders", orderId], {}, options), read.order);
  }

  /**
   * @param {OrderFilter} filter
   * @param {PageOptions} options
   */
  async orders({ userId, productId } = {}, { limit = 20, cursor, ...options } = {}) {
    const query = { limit, cursor, userId, productId };
    const answer = await this.#send("orders", "GET", ["orders"], { query }, options);
    return readAnswer(answer, (body) => read.page(body, read.order));
  }

  /**
   * @param {OrderFilter} [filter]
   * @param {CallOptions} [options]
   */
  allOrders(filter, options) {
    return allOf((cursor) => this.orders(filter, { ...options, limit: 100, cursor }));
  }

  /**
   * What a user has, or had; null if the server's code for that is `none`.
   *
   * @template T
   * @param {string} operation
   * @param {string} method
   * @param {string[]} path
   * @param {string | undefined} userId
   * @param {CallOptions | undefined} options
   * @param {(body: Record<string, unknown>) => T} as
   * @param {string} none
   */
  async #ofUser(operation, method, path, userId, options, as, none) {
    try {
      // In the query, also of a DELETE: some proxies drop its body.
      return readAnswer(await this.#send(operation, method, path, { query: { userId } }, options), as);
    } catch (error) {
      if (error instanceof FlashdealError && error.code === none) return null;
      throw error;
    }
  }

  /**
   * @param {string} operation
   * @param {string} method
   * @param {string[]} path
   * @param {Sent} sent
   * @param {CallOptions | undefined} options
   */
  #send(operation, method, path, { query = {}, body, key, repeatable = true }, options) {
    const url = new URL(this.#base + path.map(encodeURIComponent).join("/"));
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const headers = { ...this.#headers };
    if (body !== undefined) headers["content-type"] = "application/json";
    if (key !== undefined) headers["idempotency-key"] = key;
    const json = body === undefined ? {} : { body: JSON.stringify(body) };
    const call = { operation, method, url: url.href, headers, ...json, repeatable, signal: options?.signal };
    return send(this.#settings, call);
  }
}

/** @param {string | URL} baseUrl */
function readBase(baseUrl) {
  const text = String(baseUrl).trim();
  if (/^https?:\/\//i.test(text)) {
    try {
      const url = new URL(text);
      if (`${url.search}${url.hash}${url.username}` === "") return url.href.replace(/\/+$/, "");
    } catch {
      // Said below.
    }
  }
  throw new TypeError(`"${text}" is no base URL: it must be like http://127.0.0.1:8080 or https://shop.example/deals`);
}

/** @param {unknown} price */
function money(price) {
  if (typeof price === "string") return price;
  throw new TypeError('a price is a string such as "499.90": a number is not exact');
}

/** @param {KeyOptions | undefined} options */
function keyOf(options) {
  const key = options?.idempotencyKey ?? newKey();
  if (!/^[!-~]{1,255}$/.test(key)) throw new TypeError("an idempotency key is 1 to 255 visible ASCII characters");
  return key;
}

/** A key that nobody used before. It need not be secret: Node.js 18 has no global crypto, and chance will do there. */
function newKey() {
  const bytes = new Uint8Array(16);
  if (globalThis.crypto === undefined) bytes.forEach((_, index) => (bytes[index] = Math.random() * 256));
  else globalThis.crypto.getRandomValues(bytes);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {Answer} answer */
function outcome({ status, headers }) {
  return { created: status === 201, replayed: headers.get("idempotent-replayed") === "true" };
}

/**
 * @template T
 * @param {Answer} answer
 * @param {(body: Record<string, unknown>) => T} as
 */
function readAnswer({ status, text }, as) {
  try {
    return as(Object(read.parse(text)));
  } catch (error) {
    throw unreadable(status, error);
  }
}

/**
 * @template T
 * @param {(cursor: string | undefined) => Promise<import("../types/index.js").Page<T>>} pageAt
 * @returns {AsyncGenerator<T, void, undefined>}
 */
async function* allOf(pageAt) {
  let page = await pageAt(undefined);
  yield* page.items;
  while (page.nextCursor !== null) {
    page = await pageAt(page.nextCursor);
    yield* page.items;
  }
}
