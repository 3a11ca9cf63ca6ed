// A server on the loopback that answers what each test scripts, and keeps what it was asked.
import { createServer } from "node:http";
import { Client } from "flashdeal";

export const PRODUCT = "01890a5d-ac96-774b-bcce-b302099a8057";
export const HOLD = `{"reservationId":"01890a5d-ac96-774b-bcce-b302099a8058","productId":"${PRODUCT}",
    "userId":"ada","quantity":2,"expiresAt":"2026-11-22T12:00:00.123Z"}`;
export const ORDER = `{"orderId":"01890a5d-ac96-774b-bcce-b302099a8059","reservationId":"01890a5d-ac96-774b-bcce-b302099a8058",
    "productId":"${PRODUCT}","userId":"ada","quantity":1000000,"unitPrice":9999999999.99,
    "total" : 9999999999990000.01,"createdAt":"2026-11-22T12:00:00.000Z"}`;
export const WAITS = `{"productId":"${PRODUCT}","userId":"ada","quantity":2,"called":false,
    "joinedAt":"2026-11-22T12:00:00.000Z","ahead":7}`;
export const PHONE = `{"id":"${PRODUCT}","name":"5\\" Phone \\"price\\":1.5 \\\\","description":"","price":0.10,
    "totalStock":200,"reservedStock":3,"availableStock":197,"createdAt":"2026-11-22T12:00:00.000Z"}`;

export const say = (status, body, headers = {}) => (_request, response) => {
  // No connection is kept: a busy machine might use it in the moment in which it is closed.
  response.writeHead(status, { connection: "close", "content-length": Buffer.byteLength(body), ...headers }).end(body);
};
export const problem = (status, code, further = {}, headers = {}) =>
  say(status, JSON.stringify({ status, code, detail: "Told.", requestId: "r-7", ...further }), headers);
/** Hangs up after having read the request: nobody knows what it did. */
export const hangUp = (request) => request.socket.destroy();
/** Promises more than it sends, and hangs up. */
export const cutOff = (_request, response) => {
  response.writeHead(201, { "content-length": 1000 });
  response.write("{", () => response.destroy());
};
/** Events in two pieces, so that one may be cut anywhere; then it hangs up, unless it stays and says nothing more. */
export const stream = (events, { stays = false } = {}) => (_request, response) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(events.slice(0, events.length / 2), () => {
    response.write(events.slice(events.length / 2), () => stays || response.destroy());
  });
};
/** Never answers. */
export const sleep = () => {};

/** Runs `test` with a server that takes one step of the script for each request; after the script nothing is answered. */
export async function scripted(script, test) {
  const steps = [...script];
  const seen = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    seen.push({ line: `${request.method} ${request.url}`, headers: request.headers, body, at: performance.now() });
    (steps.shift() ?? sleep)(request, response);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${server.address().port}`;
  try {
    // So patient that a busy machine makes no difference.
    const patient = { attemptTimeMs: 60_000, totalTimeMs: 300_000 };
    const client = (options, path = "") => new Client(url + path, { ...patient, ...options });
    await test({ client, seen, keys: () => seen.map(({ headers }) => headers["idempotency-key"]) });
  } finally {
    server.close();
    server.closeAllConnections();
  }
}
