"""The calls, one method each."""

from __future__ import annotations

import enum
import re
import ssl
import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any, Callable, Iterator, Sequence, TypeVar
from urllib.parse import quote, urlencode

from ._events import Watch
from ._http import Answer, Http, Request
from ._json import encode, parse, write_price, write_time
from ._sending import Attempt, Call, Limits, Sender
from .errors import UNREADABLE_ANSWER, FlashdealError
from .models import Joined, Json, Order, Page, Product, ProductWithStock, Reservation, Reserved, Sold, StockStatus
from .models import Wait, WaitCalled, WaitInLine
from .models import read_joined, read_order, read_product, read_product_with_stock
from .models import read_reservation, read_reserved, read_sold, read_status, read_wait, read_wait_of_user

T = TypeVar("T")


class Keep(enum.Enum):
    """Says that a term of a sale stays as it is."""

    KEEP = "keep"


KEEP = Keep.KEEP


class Client:
    """A client of one server, or of the balancer before many. May be used by many threads at once.

    `token` is a key or a JSON Web Token, sent as `Authorization: Bearer …`. One call makes at most `attempts` attempts of
    `attempt_time` seconds each, and takes at most `total_time` seconds with its waits; the lookup of the host's name
    alone has a time limit of its own. `on_attempt` is told of every attempt as it ends, for metrics and logs. `tls` is for
    https:// with certificates of your own. No proxy is used. Raises `ValueError` for settings that make no client.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        attempts: int = 5,
        attempt_time: float = 5.0,
        total_time: float = 15.0,
        on_attempt: Callable[[Attempt], None] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        headers = {"Accept": "application/json", "User-Agent": "flashdeal-python/0.1.0"}
        if token is not None:
            if not re.fullmatch("[!-~]+", token):
                raise ValueError("the token has characters that no header can carry")
            headers["Authorization"] = f"Bearer {token}"
        if not (attempts >= 1 and attempt_time > 0 and total_time > 0):
            raise ValueError("attempts, attempt_time and total_time are more than nothing")
        self._http = Http(base_url, headers, tls)
        self._sender = Sender(self._http, Limits(attempts, attempt_time, total_time), on_attempt)

    def __repr__(self) -> str:
        return f"Client({self._http.base_url!r})"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections that are kept; another call opens new ones."""
        self._http.close()

    def create_product(
        self,
        name: str,
        price: Decimal | int | str,
        total_stock: int,
        *,
        description: str | None = None,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        max_per_reservation: int | None = None,
    ) -> Product:
        """Creates a product. Repeated only if it cannot have reached the server: a repeat would be a second product."""
        body = {
            "name": name,
            "description": description,
            "price": write_price(price),
            "totalStock": total_stock,
            "startsAt": None if starts_at is None else write_time(starts_at),
            "endsAt": None if ends_at is None else write_time(ends_at),
            "maxPerReservation": max_per_reservation,
        }
        answer = self._send("create_product", "POST", ["products"], body=encode(body), repeatable=False)
        return _read(answer, read_product)

    def product(self, product_id: str) -> ProductWithStock:
        """A product and its three counters. Code: `product_not_found`."""
        return _read(self._send("product", "GET", ["products", product_id]), read_product_with_stock)

    def products(self, *, limit: int = 20, cursor: str | None = None) -> Page[Product]:
        """A page of 1 to 100 products, newest first."""
        query = {"limit": str(limit), "cursor": cursor}
        return _read_page(self._send("products", "GET", ["products"], query=query), read_product)

    def iter_products(self) -> Iterator[Product]:
        """All products, newest first, a page at a time."""
        return _all_of(lambda cursor: self.products(limit=100, cursor=cursor))

    def change_product(
        self,
        product_id: str,
        *,
        add_stock: int | None = None,
        name: str | None = None,
        description: str | None = None,
        price: Decimal | int | str | None = None,
        starts_at: datetime | Keep | None = KEEP,
        ends_at: datetime | Keep | None = KEEP,
        max_per_reservation: int | Keep | None = KEEP,
    ) -> ProductWithStock:
        """Changes what is named. `add_stock` puts units on sale, or takes them off when negative; `None` takes a term away.

        With `add_stock` it is repeated only if it cannot have reached the server. Codes: `product_not_found`,
        `insufficient_stock` (held units cannot be taken away).
        """
        body = {"name": name, "description": description, "addStock": add_stock}
        body["price"] = None if price is None else write_price(price)
        terms: dict[str, Any] = {}
        for field, time in (("startsAt", starts_at), ("endsAt", ends_at)):
            if time is not KEEP:
                terms[field] = write_time(time) if isinstance(time, datetime) else None
        if max_per_reservation is not KEEP:
            terms["maxPerReservation"] = max_per_reservation
        content = encode(body, nulls=terms)
        path = ["products", product_id]
        answer = self._send("change_product", "PATCH", path, body=content, repeatable=add_stock is None)
        return _read(answer, read_product_with_stock)

    def status(self, product_id: str) -> StockStatus:
        """The three counters, in one consistent read. Code: `product_not_found`."""
        return _read(self._send("status", "GET", ["products", product_id, "status"]), read_status)

    def watch(self, *product_ids: str, last_event_id: str | None = None, patience: float = 60.0) -> Watch:
        """The counters of 1 to 100 products as they are, and then whenever they change: an endless iterator.

        It connects when it is first asked for an event, and again whenever the connection is lost; after `patience`
        seconds without any it raises. Close it, or use it in a `with`.
        """
        if not product_ids:
            raise ValueError("watch which products?")
        target = self._http.target("events?" + urlencode({"products": ",".join(product_ids)}, safe=","))
        if len(product_ids) == 1:
            target = self._http.target(f"products/{quote(product_ids[0], safe='')}/events")
        headers = {"Accept": "text/event-stream, application/problem+json"}
        attempt_time = self._sender.limits.attempt_time
        return Watch(
            self._http, target, headers, last_event_id=last_event_id, patience=patience, attempt_time=attempt_time
        )

    def reserve(
        self, product_id: str, user_id: str | None, quantity: int = 1, *, idempotency_key: str | None = None
    ) -> Reserved:
        """Holds units for a user, or sets the quantity of the hold they have.

        Without a key the client makes one for this call. With a JSON Web Token `None` is its user. Codes:
        `product_not_found`, `insufficient_stock` (the hold they had stands as it was), `sale_not_started`, `sale_ended`,
        `limit_per_reservation`, `checkout_in_progress`, `idempotency_key_reused`, `rate_limited`.
        """
        body = encode({"userId": user_id, "quantity": quantity})
        path = ["products", product_id, "reserve"]
        answer = self._send("reserve", "POST", path, body=body, key=_key(idempotency_key))
        return _read(answer, lambda hold: read_reserved(hold, created=answer.status == 201, replayed=_replayed(answer)))

    def hold(self, product_id: str, user_id: str | None) -> Reservation | None:
        """The user's live hold; `None` if there is none. Code: `product_not_found`."""
        path = ["products", product_id, "reserve"]
        return self._of_user("hold", "GET", path, user_id, read_reservation, none="no_reservation")

    def release(self, product_id: str, user_id: str | None) -> Reservation | None:
        """Gives the user's hold back; `None` if there is none (any more: an earlier attempt of this call may have done it).

        Codes: `product_not_found`, `checkout_in_progress`.
        """
        path = ["products", product_id, "reserve"]
        return self._of_user("release", "DELETE", path, user_id, read_reservation, none="no_reservation")

    def checkout(
        self,
        product_id: str,
        user_id: str | None,
        *,
        reservation_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Sold:
        """Sells all of the user's hold, once.

        Without a key the client makes one for this call; pass your own, or name the reservation, to find the order again
        in another call. Codes: `product_not_found`, `no_reservation`, `idempotency_key_reused`, `insufficient_stock` (the
        gate lost its memory and others bought the units), `checkout_in_progress` (still, after all attempts).
        """
        body = encode({"userId": user_id, "reservationId": reservation_id})
        path = ["products", product_id, "checkout"]
        answer = self._send("checkout", "POST", path, body=body, key=_key(idempotency_key))
        return _read(answer, lambda order: read_sold(order, created=answer.status == 201, replayed=_replayed(answer)))

    def join(self, product_id: str, user_id: str | None, quantity: int = 1) -> Joined:
        """Stands in line for units that come free, or sets the quantity of one's wait; poll `wait` to learn of the call.

        A repeat keeps the place, so it needs no key. Codes: `product_not_found`, `sale_ended`, `limit_per_reservation`,
        `waiting_list_full`, `rate_limited`.
        """
        body = encode({"userId": user_id, "quantity": quantity})
        answer = self._send("join", "POST", ["products", product_id, "waitlist"], body=body)
        return _read(answer, lambda wait: read_joined(wait, created=answer.status == 201))

    def wait(self, product_id: str, user_id: str | None) -> WaitInLine | WaitCalled | None:
        """How the user's wait stands; `None` if they do not wait and hold nothing. Code: `product_not_found`.

        It does not wait itself: ask again after a second or two until it is a `WaitCalled`.
        """
        path = ["products", product_id, "waitlist"]
        return self._of_user("wait", "GET", path, user_id, read_wait_of_user, none="not_waiting")

    def leave(self, product_id: str, user_id: str | None) -> Wait | None:
        """Waits no more; `None` if the user did not wait (any more: an earlier attempt of this call may have done it).

        Who is called at this very moment may hold units all the same: `release` gives them back. Code: `product_not_found`.
        """
        path = ["products", product_id, "waitlist"]
        return self._of_user("leave", "DELETE", path, user_id, read_wait, none="not_waiting")

    def waits(self, product_id: str, *, limit: int = 20, cursor: str | None = None) -> Page[Wait]:
        """A page of 1 to 100 of those who wait, in their order; for who runs the shop, not for a buyer's token.

        Codes: `product_not_found`, `forbidden`.
        """
        query = {"limit": str(limit), "cursor": cursor}
        return _read_page(self._send("waits", "GET", ["products", product_id, "waitlist"], query=query), read_wait)

    def iter_waits(self, product_id: str) -> Iterator[Wait]:
        """All who wait, in their order, a page at a time."""
        return _all_of(lambda cursor: self.waits(product_id, limit=100, cursor=cursor))

    def order(self, order_id: str) -> Order:
        """An order. Code: `order_not_found`."""
        return _read(self._send("order", "GET", ["orders", order_id]), read_order)

    def orders(
        self,
        *,
        user_id: str | None = None,
        product_id: str | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> Page[Order]:
        """A page of 1 to 100 orders that match, newest first."""
        query = {"limit": str(limit), "cursor": cursor, "userId": user_id, "productId": product_id}
        return _read_page(self._send("orders", "GET", ["orders"], query=query), read_order)

    def iter_orders(self, *, user_id: str | None = None, product_id: str | None = None) -> Iterator[Order]:
        """All orders that match, newest first, a page at a time."""
        return _all_of(lambda cursor: self.orders(user_id=user_id, product_id=product_id, limit=100, cursor=cursor))

    def _of_user(
        self,
        operation: str,
        method: str,
        path: Sequence[str],
        user_id: str | None,
        read: Callable[[Json], T],
        *,
        none: str,
    ) -> T | None:
        """What a user has, or had; `None` if the server's code for that is `none`."""
        try:
            # In the query, also of a DELETE: some proxies drop its body.
            answer = self._send(operation, method, path, query={"userId": user_id})
        except FlashdealError as error:
            if error.code == none:
                return None
            raise
        return _read(answer, read)

    def _send(
        self,
        operation: str,
        method: str,
        path: Sequence[str],
        *,
        query: dict[str, str | None] | None = None,
        body: bytes | None = None,
        key: str | None = None,
        repeatable: bool = True,
    ) -> Answer:
        target = self._http.target("/".join(quote(part, safe="") for part in path))
        given = {name: value for name, value in (query or {}).items() if value is not None}
        if given:
            target += "?" + urlencode(given)
        headers = {} if body is None else {"Content-Type": "application/json"}
        if key is not None:
            if not re.fullmatch("[!-~]{1,255}", key):
                raise ValueError("an idempotency key is 1 to 255 visible ASCII characters")
            headers["Idempotency-Key"] = key
        return self._sender.send(Call(operation, Request(method, target, headers, body), repeatable))


def _key(given: str | None) -> str:
    return str(uuid.uuid4()) if given is None else given


def _replayed(answer: Answer) -> bool:
    return answer.headers.get("idempotent-replayed") == "true"


def _read(answer: Answer, read: Callable[[Json], T]) -> T:
    try:
        return read(parse(answer.content))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        detail = f"the answer is not one of the flashdeal API, is the base URL right? {error!r}"
        raise FlashdealError(UNREADABLE_ANSWER, detail, status=answer.status) from error


def _read_page(answer: Answer, read: Callable[[Json], T]) -> Page[T]:
    return _read(answer, lambda page: Page(tuple(read(item) for item in page["items"]), page["nextCursor"]))


def _all_of(page_at: Callable[[str | None], Page[T]]) -> Iterator[T]:
    page = page_at(None)
    yield from page.items
    while page.next_cursor is not None:
        page = page_at(page.next_cursor)
        yield from page.items
