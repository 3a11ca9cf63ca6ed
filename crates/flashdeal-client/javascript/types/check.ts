// Never run: tsc compares what is written with what is declared, and tries it as users do.
import * as written from "../src/index.js";
import * as writtenWebhooks from "../src/webhooks.js";
import type * as declared from "./index.js";
import type * as declaredWebhooks from "./webhooks.js";
import { Client, FlashdealError, type Order } from "flashdeal";

export const same: typeof declared = written;
export const sameWebhooks: typeof declaredWebhooks = writtenWebhooks;

export async function use(shop: Client, signal: AbortSignal): Promise<Order | string> {
  try {
    for await (const { availableStock } of shop.watch(["a", "b"], { signal })) if (availableStock > 0) break;
    await shop.changeProduct("a", { endsAt: null });
    const wait = await shop.wait("a", "ada", { signal });
    if (wait !== null) return wait.called ? wait.reservationId : `${wait.ahead}`;
    const sold = await shop.checkout("a", { userId: "ada" }, { idempotencyKey: "k" });
    return sold.replayed ? sold.total : sold;
  } catch (error) {
    if (error instanceof FlashdealError && error.code === "insufficient_stock") return error.reason ?? "";
    throw error;
  }
}

// @ts-expect-error: a number is not exact.
export const inexact: declared.Money = 499.9;
