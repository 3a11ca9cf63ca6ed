/** A decimal string such as `"499.90"`: a number would not be exact. */
export type Money = string;

/** A deal. */
export interface Product {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly price: Money;
  /** What is left to sell. Checkout lowers it. */
  readonly totalStock: number;
  readonly createdAt: Date;
  /** The sale's first instant; absent if it has no start. */
  readonly startsAt?: Date;
  /** The first instant after the sale; absent if it has no end. */
  readonly endsAt?: Date;
  /** The most units of one hold; absent if there is no limit. */
  readonly maxPerReservation?: number;
}

/** The three counters, in one consistent read: `availableStock` is `totalStock - reservedStock`. */
export interface StockStatus {
  readonly totalStock: number;
  readonly reservedStock: number;
  readonly availableStock: number;
}

/** A deal and its counters. */
export interface ProductWithStock extends Product, StockStatus {}

/** The counters of a product at a moment, as a stream tells them. */
export interface StockEvent extends StockStatus {
  readonly productId: string;
  /** Names the state: give it to {@link Client.watch} as `lastEventId` to go on after it. */
  readonly eventId: string;
}

/** A hold. */
export interface Reservation {
  readonly reservationId: string;
  readonly productId: string;
  readonly userId: string;
  readonly quantity: number;
  /** From this instant on its units are available to others. */
  readonly expiresAt: Date;
}

/** What was sold. */
export interface Order {
  readonly orderId: string;
  readonly reservationId: string;
  readonly productId: string;
  readonly userId: string;
  readonly quantity: number;
  readonly unitPrice: Money;
  readonly total: Money;
  readonly createdAt: Date;
}

/** How an answer to a reserve or checkout came about. */
export interface Outcome {
  /** Whether this call made it; else the hold was there and has this quantity now, or it is the same order again. */
  readonly created: boolean;
  /** Whether this is the first answer again, to a repeat with the same key. */
  readonly replayed: boolean;
}

/** A place in line. */
export interface Wait {
  readonly productId: string;
  readonly userId: string;
  /** How many units are waited for. */
  readonly quantity: number;
  /** Since when. */
  readonly joinedAt: Date;
  readonly called: false;
}

/** A wait that goes on. */
export interface WaitInLine extends Wait {
  /** How many wait before them. */
  readonly ahead: number;
}

/** A wait that goes on, and how it came about. */
export interface Joined extends WaitInLine {
  /** Whether it is new; else they waited already (perhaps since a lost attempt of this call), and want this quantity now. */
  readonly created: boolean;
}

/** A wait that is over: this is held for them, and lapses like any hold. */
export interface WaitCalled extends Reservation {
  readonly called: true;
}

/** A page of a list: newest first, or as people stand in line. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Pass it as `cursor` for the next page; null on the last. */
  readonly nextCursor: string | null;
}

export interface NewProduct {
  name: string;
  description?: string | undefined;
  price: Money;
  totalStock: number;
  startsAt?: Date | undefined;
  endsAt?: Date | undefined;
  maxPerReservation?: number | undefined;
}

/** What is absent stays as it is; null takes a term away. */
export interface ProductChange {
  name?: string | undefined;
  description?: string | undefined;
  price?: Money | undefined;
  /** Units to put on sale, or to take off sale when negative; never one that is held. */
  addStock?: number | undefined;
  startsAt?: Date | null | undefined;
  endsAt?: Date | null | undefined;
  maxPerReservation?: number | null | undefined;
}

export interface CallOptions {
  /** Ends the call, which then throws the signal's reason. Of a reserve or checkout that was ended so nothing is known. */
  signal?: AbortSignal | undefined;
}

/** Given here or made by the client for this call, the key is the same for all its attempts. */
export interface KeyOptions extends CallOptions {
  idempotencyKey?: string | undefined;
}

export interface PageOptions extends CallOptions {
  /** 1 to 100; 20 by default. */
  limit?: number | undefined;
  cursor?: string | undefined;
}

export interface OrderFilter {
  userId?: string | undefined;
  productId?: string | undefined;
}

export interface WatchOptions extends CallOptions {
  /** The `eventId` of the last event that was seen. */
  lastEventId?: string | undefined;
  /** How long to try without any connection, in milliseconds; a minute by default. */
  patienceMs?: number | undefined;
}

/** One attempt of a call, for metrics and logs. */
export interface Attempt {
  /** The name of the method that was called: `"reserve"`. */
  readonly operation: string;
  /** 1 for the first, 2 for the first repeat. */
  readonly number: number;
  /** The status that was answered; absent if no answer came. */
  readonly status?: number;
  /** From sending to having read the answer, in milliseconds. */
  readonly tookMs: number;
}

export interface ClientOptions {
  /** A key or a JSON Web Token, sent as `Authorization: Bearer …`. */
  token?: string | undefined;
  /** How many attempts one call makes at most; 5 by default, 1 never repeats. */
  attempts?: number | undefined;
  /** How long one attempt may take, in milliseconds; 5000 by default. The server's own deadline is 2 s. */
  attemptTimeMs?: number | undefined;
  /** How long one call may take with its waits and repeats, in milliseconds; 15000 by default. */
  totalTimeMs?: number | undefined;
  /** Is told of every attempt as it ends. */
  onAttempt?: ((attempt: Attempt) => void) | undefined;
  /** Another fetch than the global one: with a proxy, with certificates of your own. */
  fetch?: typeof globalThis.fetch | undefined;
}

/** What the server says is wrong; `no_answer` and `unreadable_answer` are the client's own. */
export type Code =
  | "invalid_request"
  | "unauthorized"
  | "forbidden"
  | "product_not_found"
  | "no_reservation"
  | "not_waiting"
  | "order_not_found"
  | "route_not_found"
  | "method_not_allowed"
  | "insufficient_stock"
  | "sale_not_started"
  | "sale_ended"
  | "limit_per_reservation"
  | "waiting_list_full"
  | "checkout_in_progress"
  | "payload_too_large"
  | "unsupported_media_type"
  | "idempotency_key_reused"
  | "rate_limited"
  | "unavailable"
  | "internal"
  | "no_answer"
  | "unreadable_answer";

/** One broken field of a request. */
export interface FieldError {
  /** Its name in JSON, such as `quantity`. */
  readonly field: string;
  /** What it must be. */
  readonly message: string;
}

/** What an error is made of, for tests of yours; `body` is that of the server's problem. */
export interface Told {
  status?: number | undefined;
  retryAfter?: number | undefined;
  attempts?: number | undefined;
  body?: Record<string, unknown> | undefined;
  cause?: unknown;
}

/** Why a call gave no result. Of a reserve or checkout with `no_answer` nothing is known: repeat it with the same key. */
export class FlashdealError extends Error {
  constructor(code: string, detail: string, told?: Told);
  /** To match on; empty if a proxy answered without one, and a newer server may have others. */
  readonly code: Code | (string & Record<never, never>);
  /** The HTTP status; absent if no answer came. */
  readonly status: number | undefined;
  /** What it is and what to do, for people. */
  readonly detail: string;
  /** The name under which the server's log knows this request; empty if it was not the server that answered. */
  readonly requestId: string;
  /** Every broken field of the request, if that is what is wrong. */
  readonly errors: readonly FieldError[];
  /** How many seconds the server asks to be left alone. */
  readonly retryAfter: number | undefined;
  /** How many attempts were made. */
  readonly attempts: number;
  /** Of `insufficient_stock`: how many units there are. */
  readonly availableStock: number | undefined;
  /** Of `insufficient_stock`: `sold_out`, `all_held`, or `waiting_list` (others wait: join them). */
  readonly reason: string | undefined;
  /** Of `sale_not_started`: when it does; `retryAfter` is how long that is by the server's clock, a day at most. */
  readonly startsAt: Date | undefined;
  /** Of `sale_ended`: since when. */
  readonly endsAt: Date | undefined;
  /** Of `limit_per_reservation`: the most units of one hold. */
  readonly maxPerReservation: number | undefined;
  /** Whether the units are not there now but may be soon: others hold them, and holds lapse. */
  get mayFreeUp(): boolean;
}

/** A client of one server, or of the balancer before many. */
export class Client {
  /** `baseUrl` is like `http://127.0.0.1:8080`, without `/api`. Throws a TypeError for settings that make no client. */
  constructor(baseUrl: string | URL, options?: ClientOptions);

  /** Creates a product. Repeated only if it cannot have reached the server: a repeat would be a second product. */
  createProduct(product: NewProduct, options?: CallOptions): Promise<Product>;
  /** A product and its three counters. */
  product(productId: string, options?: CallOptions): Promise<ProductWithStock>;
  /** A page of products, newest first. */
  products(options?: PageOptions): Promise<Page<Product>>;
  /** All products, newest first, a page at a time. */
  allProducts(options?: CallOptions): AsyncGenerator<Product, void, undefined>;
  /** Changes what is named. With `addStock` it is repeated only if it cannot have reached the server. */
  changeProduct(productId: string, change: ProductChange, options?: CallOptions): Promise<ProductWithStock>;
  /** The three counters, in one consistent read. */
  status(productId: string, options?: CallOptions): Promise<StockStatus>;
  /**
   * The counters of 1 to 100 products as they are, and then whenever they change, endlessly. A lost connection is opened again
   * with the last event's id, so that what was seen is not told again.
   */
  watch(productIds: string | readonly string[], options?: WatchOptions): AsyncGenerator<StockEvent, void, undefined>;

  /** Holds units for a user (with a JSON Web Token, its user may be left out), or sets the quantity of the hold they have. */
  reserve(
    productId: string,
    wish: { userId?: string | undefined; quantity: number },
    options?: KeyOptions,
  ): Promise<Reservation & Outcome>;
  /** The user's live hold; null if there is none. */
  hold(productId: string, userId?: string, options?: CallOptions): Promise<Reservation | null>;
  /** Gives the user's hold back; null if there is none (any more: an earlier attempt of this call may have done it). */
  release(productId: string, userId?: string, options?: CallOptions): Promise<Reservation | null>;
  /** Sells all of the user's hold, once. Pass a key, or name the reservation, to find the order again in another call. */
  checkout(
    productId: string,
    hold?: { userId?: string | undefined; reservationId?: string | undefined },
    options?: KeyOptions,
  ): Promise<Order & Outcome>;
  /**
   * Stands in line for units that come free, or sets the quantity of one's wait (a repeat keeps the place, so it needs no key).
   * Poll {@link Client.wait} to learn of the call.
   */
  join(
    productId: string,
    wish: { userId?: string | undefined; quantity: number },
    options?: CallOptions,
  ): Promise<Joined>;
  /**
   * How the user's wait stands; null if they do not wait and hold nothing. It does not wait itself: ask again after a second or
   * two until `called` is true.
   */
  wait(productId: string, userId?: string, options?: CallOptions): Promise<WaitInLine | WaitCalled | null>;
  /**
   * Waits no more; null if the user did not wait (any more: an earlier attempt of this call may have done it). Who is called at
   * this very moment may hold units all the same: {@link Client.release} gives them back.
   */
  leave(productId: string, userId?: string, options?: CallOptions): Promise<Wait | null>;
  /** A page of those who wait, in their order; for who runs the shop, not for a buyer's token. */
  waits(productId: string, options?: PageOptions): Promise<Page<Wait>>;
  /** All who wait, in their order, a page at a time. */
  allWaits(productId: string, options?: CallOptions): AsyncGenerator<Wait, void, undefined>;
  /** An order. */
  order(orderId: string, options?: CallOptions): Promise<Order>;
  /** A page of the orders that match, newest first. */
  orders(filter?: OrderFilter, options?: PageOptions): Promise<Page<Order>>;
  /** All orders that match, newest first, a page at a time. */
  allOrders(filter?: OrderFilter, options?: CallOptions): AsyncGenerator<Order, void, undefined>;
}
