// What the server answers, read strictly, and with its money exact. A TypeError or SyntaxError says that it is something else.

/** @typedef {Record<string, unknown>} Body */

const MONEY = new Set(['"price"', '"unitPrice"', '"total"']);
// Strings are passed over whole, so that what looks like a member within one is none.
const MEMBERS = /("[^"\\]*(?:\\.[^"\\]*)*")(?:(\s*:\s*)(-?[\d.eE+-]+))?/g;

/**
 * Reads JSON; money becomes a string, digit by digit, before it could become a float.
 *
 * @param {string} text
 * @returns {any}
 */
export function parse(text) {
  const quoted = text.replace(MEMBERS, (member, name, colon, number) =>
    number !== undefined && MONEY.has(name) ? `${name}${colon}"${number}"` : member,
  );
  return JSON.parse(quoted);
}

/**
 * @param {Body} body
 * @returns {import("../types/index.js").Product}
 */
export function product(body) {
  return {
    id: string(body, "id"),
    name: string(body, "name"),
    description: string(body, "description"),
    price: money(body, "price"),
    totalStock: integer(body, "totalStock"),
    createdAt: time(body, "createdAt"),
    ...(body.startsAt == null ? {} : { startsAt: time(body, "startsAt") }),
    ...(body.endsAt == null ? {} : { endsAt: time(body, "endsAt") }),
    ...(body.maxPerReservation == null ? {} : { maxPerReservation: integer(body, "maxPerReservation") }),
  };
}

/**
 * @param {Body} body
 * @returns {import("../types/index.js").ProductWithStock}
 */
export const productWithStock = (body) => ({ ...product(body), ...status(body) });

/**
 * @param {Body} body
 * @returns {import("../types/index.js").StockStatus}
 */
export function status(body) {
  return {
    totalStock: integer(body, "totalStock"),
    reservedStock: integer(body, "reservedStock"),
    availableStock: integer(body, "availableStock"),
  };
}

/**
 * @param {Body} body
 * @param {string} eventId
 * @returns {import("../types/index.js").StockEvent}
 */
export const event = (body, eventId) => ({ ...status(body), productId: string(body, "productId"), eventId });

/**
 * @param {Body} body
 * @returns {import("../types/index.js").Reservation}
 */
export function reservation(body) {
  return {
    reservationId: string(body, "reservationId"),
    productId: string(body, "productId"),
    userId: string(body, "userId"),
    quantity: integer(body, "quantity"),
    expiresAt: time(body, "expiresAt"),
  };
}

/**
 * @param {Body} body
 * @returns {import("../types/index.js").Order}
 */
export function order(body) {
  return {
    orderId: string(body, "orderId"),
    reservationId: string(body, "reservationId"),
    productId: string(body, "productId"),
    userId: string(body, "userId"),
    quantity: integer(body, "quantity"),
    unitPrice: money(body, "unitPrice"),
    total: money(body, "total"),
    createdAt: time(body, "createdAt"),
  };
}

/**
 * @param {Body} body
 * @returns {import("../types/index.js").Wait}
 */
export function wait(body) {
  if (isCalled(body)) throw new TypeError("who is called waits no more");
  return {
    productId: string(body, "productId"),
    userId: string(body, "userId"),
    quantity: integer(body, "quantity"),
    joinedAt: time(body, "joinedAt"),
    called: false,
  };
}

/**
 * @param {Body} body
 * @returns {import("../types/index.js").WaitInLine}
 */
export const waitInLine = (body) => ({ ...wait(body), ahead: integer(body, "ahead") });

/**
 * @param {Body} body
 * @returns {import("../types/index.js").WaitInLine | import("../types/index.js").WaitCalled}
 */
export const waitOfUser = (body) => (isCalled(body) ? { ...reservation(body), called: true } : waitInLine(body));

/**
 * @template T
 * @param {Body} body
 * @param {(item: Body) => T} read
 * @returns {import("../types/index.js").Page<T>}
 */
export function page(body, read) {
  const { items, nextCursor } = body;
  if (!Array.isArray(items)) throw new TypeError("items is no list");
  return { items: items.map(read), nextCursor: nextCursor === null ? null : string(body, "nextCursor") };
}

/** @param {Body} body */
function isCalled({ called }) {
  if (typeof called !== "boolean") throw new TypeError("called is neither true nor false");
  return called;
}

/**
 * @param {Body} body
 * @param {string} name
 */
export function string(body, name) {
  const value = body[name];
  if (typeof value !== "string") throw new TypeError(`${name} is no string`);
  return value;
}

/**
 * @param {Body} body
 * @param {string} name
 */
export function integer(body, name) {
  const value = body[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw new TypeError(`${name} is no integer`);
  return value;
}

/**
 * @param {Body} body
 * @param {string} name
 */
export function time(body, name) {
  const value = new Date(string(body, name));
  if (Number.isNaN(value.getTime())) throw new TypeError(`${name} is no time`);
  return value;
}

/**
 * @param {Body} body
 * @param {string} name
 */
function money(body, name) {
  const value = string(body, name);
  if (!/^\d+(\.\d+)?$/.test(value)) throw new TypeError(`${name} is no money`);
  return value;
}
