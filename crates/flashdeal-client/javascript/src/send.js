// One call: its attempts, the waits between them, and its end.
import { FlashdealError, refused } from "./errors.js";

/**
 * What is sent, the same in every attempt.
 *
 * @typedef {object} Call
 * @property {string} operation
 * @property {string} method
 * @property {string} url
 * @property {Record<string, string>} headers
 * @property {string} [body]
 * @property {boolean} repeatable Whether doing it twice is doing it once.
 * @property {AbortSignal | undefined} signal
 */

/** @typedef {{ status: number, headers: Headers, text: string }} Answer */

/**
 * @typedef {object} Settings
 * @property {number} attempts
 * @property {number} attemptTimeMs
 * @property {number} totalTimeMs
 * @property {((attempt: import("../types/index.js").Attempt) => void) | undefined} onAttempt
 * @property {typeof globalThis.fetch} fetch
 */

/** The longest answer that is read, in bytes: a page of a hundred products with the longest descriptions, and some. */
const MAX_ANSWER = 4 * 1024 * 1024;
/** The first wait without a `Retry-After`, and the longest, in milliseconds. */
const FIRST_WAIT = 50;
const LONGEST_WAIT = 2000;
/** With these Node.js says that there was no connection: the server has seen nothing of the request. Browsers never tell. */
const NOT_SENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"]);

/**
 * The answer of success; throws what became of the last attempt.
 *
 * @param {Settings} settings
 * @param {Call} call
 * @returns {Promise<Answer>}
 */
export async function send(settings, call) {
  const end = performance.now() + settings.totalTimeMs;
  for (let number = 1; ; number += 1) {
    const within = Math.min(settings.attemptTimeMs, end - performance.now());
    const ended = await attempt(settings, call, number, within);
    if (ended.answer !== undefined) return ended.answer;
    const { failed, again } = ended;
    const wait = waitAfter(failed, number, Math.random());
    if (!again || number >= settings.attempts || wait >= end - performance.now()) throw failed;
    await sleep(wait, call.signal);
  }
}

/**
 * What became of it, and whether to do it again is safe and may help.
 *
 * @param {Settings} settings
 * @param {Call} call
 * @param {number} number
 * @param {number} within
 * @returns {Promise<{ answer: Answer } | { answer?: undefined, failed: FlashdealError, again: boolean }>}
 */
async function attempt(settings, call, number, within) {
  const begun = performance.now();
  /** @type {Answer | undefined} */
  let answer;
  try {
    answer = await exchange(settings, call, within);
  } catch (cause) {
    call.signal?.throwIfAborted();
    const failed = noAnswer(cause, number);
    return { failed, again: call.repeatable || NOT_SENT.has(Object(Object(cause).cause).code) };
  } finally {
    const status = answer === undefined ? {} : { status: answer.status };
    settings.onAttempt?.({ operation: call.operation, number, ...status, tookMs: performance.now() - begun });
  }
  if (answer.status >= 200 && answer.status < 300) return { answer };
  const failed = refused(answer, number);
  return { failed, again: isWorthRepeating(failed, call) };
}

/**
 * @param {Settings} settings
 * @param {Call} call
 * @param {number} within
 * @returns {Promise<Answer>}
 */
async function exchange(settings, call, within) {
  const { signal, done } = deadline(within, call.signal);
  try {
    const response = await request(settings.fetch, call, signal);
    return { status: response.status, headers: response.headers, text: await readText(response) };
  } finally {
    done();
  }
}

/**
 * @param {typeof globalThis.fetch} fetch
 * @param {Pick<Call, "method" | "url" | "headers" | "body">} call
 * @param {AbortSignal} signal
 */
export function request(fetch, { method, url, headers, body }, signal) {
  // A redirected POST would become a GET, and a token would go where nobody meant it to.
  return fetch(url, { method, headers, body: body ?? null, signal, redirect: "manual", cache: "no-store" });
}

/**
 * One that is too long is cut and will not parse: that is the error the caller gets.
 *
 * @param {Response} response
 */
export async function readText(response) {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let length = 0; reader !== undefined && length <= MAX_ANSWER; ) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    text += decoder.decode(value, { stream: true });
    if (length > MAX_ANSWER) await reader.cancel();
  }
  return text + decoder.decode();
}

/**
 * A signal that is given after so many milliseconds, or with the other; `done` ends the waiting for either.
 *
 * @param {number} within
 * @param {AbortSignal | undefined} other
 */
export function deadline(within, other) {
  const controller = new AbortController();
  const abort = () => controller.abort(other?.reason);
  const late = () => controller.abort(new DOMException("it took too long", "TimeoutError"));
  let timer = setTimeout(late, Math.max(within, 0));
  other?.addEventListener("abort", abort);
  if (other?.aborted) abort();
  return {
    signal: controller.signal,
    /** @param {number} more From now on. */
    extend(more) {
      clearTimeout(timer);
      timer = setTimeout(late, more);
    },
    done() {
      clearTimeout(timer);
      other?.removeEventListener("abort", abort);
    },
    end: () => controller.abort(),
  };
}

/**
 * @param {unknown} cause
 * @param {number} attempts
 */
export function noAnswer(cause, attempts) {
  const reason = Object(Object(cause).cause).message ?? Object(cause).message ?? cause;
  const detail = `no answer from the server (attempt ${attempts}): ${reason}`;
  return new FlashdealError("no_answer", detail, { attempts, cause });
}

/**
 * @param {FlashdealError} failed
 * @param {Pick<Call, "operation" | "repeatable">} call
 */
export function isWorthRepeating({ status, code }, { operation, repeatable }) {
  // Turned away before anything was done.
  if (status === 429) return true;
  if (status === 502 || status === 503 || status === 504) return repeatable;
  return code === "checkout_in_progress" && operation === "checkout";
}

/**
 * How many milliseconds to wait after this attempt; `chance` is from 0 to 1.
 *
 * @param {FlashdealError} failed
 * @param {number} number
 * @param {number} chance
 */
export function waitAfter({ retryAfter }, number, chance) {
  // Never earlier, and a little later by chance: whoever was turned away together must not come back together.
  if (retryAfter !== undefined) return Math.ceil(retryAfter * 1000 * (1 + chance / 4));
  return Math.min(FIRST_WAIT * 2 ** (number - 1), LONGEST_WAIT) * (1 - chance / 2);
}

/**
 * @param {number} ms
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<void>}
 */
export function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      if (signal?.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
    if (signal?.aborted) end();
  });
}
