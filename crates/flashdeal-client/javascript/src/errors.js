import { integer, parse, string, time } from "./read.js";

/** @typedef {Record<string, unknown>} Body */

/** Why a call gave no result, in one type: the server's problem, no server, or no sense in its answer. */
export class FlashdealError extends Error {
  /**
   * @param {string} code
   * @param {string} detail
   * @param {import("../types/index.js").Told} told
   */
  constructor(code, detail, { status, retryAfter, attempts = 1, body = {}, cause } = {}) {
    const errors = fieldErrors(body.errors);
    const requestId = ifAny(string, body, "requestId") ?? "";
    const head = [status, code].filter((part) => part !== undefined && part !== "").join(" ");
    const fields = errors.map(({ field, message }) => ` ${field} ${message}.`).join("");
    super(`${head}: ${detail}${fields}${requestId === "" ? "" : ` (request ${requestId})`}`, { cause });
    this.name = "FlashdealError";
    this.code = code;
    this.status = status;
    this.detail = detail;
    this.requestId = requestId;
    this.errors = errors;
    this.retryAfter = retryAfter;
    this.attempts = attempts;
    this.availableStock = ifAny(integer, body, "availableStock");
    this.reason = ifAny(string, body, "reason");
    this.startsAt = ifAny(time, body, "startsAt");
    this.endsAt = ifAny(time, body, "endsAt");
    this.maxPerReservation = ifAny(integer, body, "maxPerReservation");
  }

  get mayFreeUp() {
    return this.reason === "all_held";
  }
}

/**
 * The error that an answer of failure is, whoever gave it.
 *
 * @param {import("./send.js").Answer} answer
 * @param {number} attempts
 */
export function refused({ status, headers, text }, attempts) {
  /** @type {Body} */
  let body = {};
  try {
    body = Object(parse(text));
  } catch {
    // A page of a proxy: there is nothing in it for programs.
  }
  const detail = ifAny(string, body, "detail") ?? ifAny(string, body, "title") ?? "no explanation came with it";
  const seconds = headers.get("retry-after")?.trim() ?? "";
  // A date is taken as if there were none.
  const retryAfter = /^\d+$/.test(seconds) ? Number(seconds) : undefined;
  return new FlashdealError(ifAny(string, body, "code") ?? "", detail, { status, retryAfter, attempts, body });
}

/**
 * @param {number} status
 * @param {unknown} reason
 */
export function unreadable(status, reason) {
  const detail = `the answer is not one of the flashdeal API, is the base URL right? ${reason}`;
  return new FlashdealError("unreadable_answer", detail, { status, cause: reason });
}

/**
 * @template T
 * @param {(body: Body, name: string) => T} read
 * @param {Body} body
 * @param {string} name
 * @returns {T | undefined}
 */
function ifAny(read, body, name) {
  try {
    return read(body, name);
  } catch {
    return undefined;
  }
}

/**
 * @param {unknown} value
 * @returns {import("../types/index.js").FieldError[]}
 */
function fieldErrors(value) {
  const items = Array.isArray(value) ? value : [];
  return items.map((item) => ({ field: String(Object(item).field ?? ""), message: String(Object(item).message ?? "") }));
}
