// Live stock: server-sent events, over as many connections as it takes.
import { refused, unreadable } from "./errors.js";
import { event as readEvent, parse } from "./read.js";
import { deadline, isWorthRepeating, noAnswer, readText, request, sleep, waitAfter } from "./send.js";

/** A quiet stream says something every 15 seconds: one that is silent for longer than this is dead. */
const SILENCE = 45_000;
/** The longest line that is read. */
const MAX_LINE = 64 * 1024;
/** The longest wait before the next connection, in milliseconds. */
const LONGEST_PAUSE = 10_000;

/** @typedef {{ response: Response, line: ReturnType<typeof deadline> }} Stream */

/**
 * @param {import("./send.js").Settings} settings
 * @param {string} url
 * @param {Record<string, string>} headers
 * @param {import("../types/index.js").WatchOptions} options
 * @returns {AsyncGenerator<import("../types/index.js").StockEvent, void, undefined>}
 */
export async function* watch(settings, url, headers, { lastEventId = "", patienceMs = 60_000, signal }) {
  let seen = lastEventId;
  let pause = 1000;
  for (;;) {
    const resume = seen === "" ? {} : { "Last-Event-ID": seen };
    const { response, line } = await connect(settings, url, { ...headers, ...resume }, patienceMs, signal);
    try {
      for await (const { id, name, data, retry } of fieldsOf(response, line)) {
        pause = retry ?? pause;
        if (name !== "stock" || data === "") continue;
        const event = readStock(data, id);
        seen = id;
        yield event;
      }
    } finally {
      line.done();
      line.end();
    }
    signal?.throwIfAborted();
    await sleep(Math.min(pause, LONGEST_PAUSE) * (1 - Math.random() / 2), signal);
  }
}

/**
 * A new connection, however many attempts it takes until patience ends.
 *
 * @param {import("./send.js").Settings} settings
 * @param {string} url
 * @param {Record<string, string>} headers
 * @param {number} patience
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<Stream>}
 */
async function connect(settings, url, headers, patience, signal) {
  const end = performance.now() + patience;
  for (let number = 1; ; number += 1) {
    const line = deadline(Math.min(settings.attemptTimeMs, end - performance.now()), signal);
    let failed;
    try {
      const response = await request(settings.fetch, { method: "GET", url, headers }, line.signal);
      if (response.status === 200) return { response, line };
      const { status, headers: told } = response;
      failed = refused({ status, headers: told, text: await readText(response) }, number);
    } catch (cause) {
      signal?.throwIfAborted();
      failed = noAnswer(cause, number);
    }
    line.done();
    const again = failed.status === undefined || isWorthRepeating(failed, { operation: "watch", repeatable: true });
    const wait = waitAfter(failed, number, Math.random());
    if (!again || wait >= end - performance.now()) throw failed;
    await sleep(wait, signal);
  }
}

/**
 * The events of one connection until it is lost; one that was not finished is dropped.
 *
 * @param {Response} response
 * @param {ReturnType<typeof deadline>} line
 */
async function* fieldsOf(response, line) {
  let [id, name, data] = ["", "", ""];
  /** @type {number | undefined} */
  let retry;
  for await (const text of linesOf(response, line)) {
    const colon = text.indexOf(":");
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (field === "id") id = value;
    else if (field === "event") name = value;
    else if (field === "data") data += data === "" ? value : `\n${value}`;
    else if (field === "retry" && /^\d{1,9}$/.test(value)) retry = Number(value);
    else if (text === "") {
      yield { id, name, data, retry };
      [id, name, data] = ["", "", ""];
    }
  }
}

/**
 * @param {Response} response
 * @param {ReturnType<typeof deadline>} line
 */
async function* linesOf(response, line) {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  while (reader !== undefined && rest.length <= MAX_LINE) {
    line.extend(SILENCE);
    const read = await reader.read().catch(() => undefined);
    if (read === undefined || read.done) return;
    const lines = (rest + decoder.decode(read.value, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const text of lines) yield text.replace(/\r$/, "");
  }
}

/**
 * @param {string} data
 * @param {string} id
 */
function readStock(data, id) {
  try {
    return readEvent(parse(data), id);
  } catch (error) {
    throw unreadable(200, error);
  }
}
