// Buys two phones from a server that runs: creates the deal, watches it, holds, checks out, looks the order up again, and
// stands in line for two more.
//
//     cargo run &
//     node examples/buy.js [http://127.0.0.1:8080 [TOKEN]]
import { Client, FlashdealError } from "flashdeal";

const [url = "http://127.0.0.1:8080", token] = process.argv.slice(2);
// More patient than by default: the server may be a debug build on a busy machine.
const shop = new Client(url, { token, attemptTimeMs: 30_000, totalTimeMs: 90_000 });

const phone = await shop.createProduct({ name: "Phone", description: "128 GB", price: "499.90", totalStock: 3 });
console.log(`${phone.name} costs ${phone.price}, ${phone.totalStock} to sell`);

const events = shop.watch(phone.id);
console.log(`live: ${(await events.next()).value?.availableStock} available`);
const held = await shop.reserve(phone.id, { userId: "ada", quantity: 2 });
console.log(`${held.quantity} held until ${held.expiresAt.toISOString()}`);
console.log(`live: ${(await events.next()).value?.availableStock} available`);
await events.return();

try {
  await shop.reserve(phone.id, { userId: "bob", quantity: 2 });
} catch (error) {
  if (!(error instanceof FlashdealError)) throw error;
  console.log(`${error.code}: ${error.availableStock} left (${error.reason})`);
}

// Naming the hold makes a repeat of this call, even tomorrow, answer the same order.
const sold = await shop.checkout(phone.id, { userId: "ada", reservationId: held.reservationId });
const again = await shop.checkout(phone.id, { userId: "ada", reservationId: held.reservationId });
if (!sold.created || again.created || again.orderId !== sold.orderId) throw new Error("sold twice");
for await (const order of shop.allOrders({ productId: phone.id })) {
  if (order.total !== (await shop.order(sold.orderId)).total) throw new Error("another order");
}
console.log(`order ${sold.orderId} for ${sold.total}; ${(await shop.status(phone.id)).availableStock} left`);

if ((await shop.hold(phone.id, "ada")) !== null) throw new Error("sold, and held still");
await shop.reserve(phone.id, { userId: "bob", quantity: 1 });
if ((await shop.release(phone.id, "bob"))?.quantity !== 1) throw new Error("not given back");
const restocked = await shop.changeProduct(phone.id, { addStock: 10, price: "450" });
console.log(`restocked: ${restocked.availableStock} for ${restocked.price} each`);

await shop.reserve(phone.id, { userId: "ada", quantity: restocked.availableStock });
const joined = await shop.join(phone.id, { userId: "bob", quantity: 2 });
console.log(`bob waits for ${joined.quantity}, ${joined.ahead} before him`);
for await (const { userId } of shop.allWaits(phone.id)) if (userId !== "bob") throw new Error("another waits");
await shop.release(phone.id, "ada");
let wait = await shop.wait(phone.id, "bob");
while (wait?.called === false) {
  await new Promise((done) => setTimeout(done, 500));
  wait = await shop.wait(phone.id, "bob");
}
if (wait === null || (await shop.leave(phone.id, "bob")) !== null) throw new Error("called, and waits still");
console.log(`bob is called: ${wait.quantity} held until ${wait.expiresAt.toISOString()}`);
