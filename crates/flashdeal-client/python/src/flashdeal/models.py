"""What the server answers, typed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, Literal, Mapping, TypeVar

from ._json import parse_time

T = TypeVar("T")
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Product:
    """A deal."""

    id: str
    name: str
    description: str
    price: Decimal
    #: What is left to sell. Checkout lowers it.
    total_stock: int
    created_at: datetime
    #: The sale's first instant; `None` if it has no start.
    starts_at: datetime | None
    #: The first instant after the sale; `None` if it has no end.
    ends_at: datetime | None
    #: The most units of one hold; `None` if there is no limit.
    max_per_reservation: int | None


@dataclass(frozen=True)
class ProductWithStock(Product):
    """A deal and its counters, in one consistent read."""

    #: What live holds hold.
    reserved_stock: int
    #: `total_stock - reserved_stock`.
    available_stock: int


@dataclass(frozen=True)
class StockStatus:
    """The three counters, in one consistent read."""

    total_stock: int
    reserved_stock: int
    available_stock: int


@dataclass(frozen=True)
class StockEvent(StockStatus):
    """The counters of a product at a moment, as a stream tells them."""

    product_id: str
    #: Names the state: give it to `Client.watch` to go on after it.
    event_id: str


@dataclass(frozen=True)
class Reservation:
    """A hold."""

    reservation_id: str
    product_id: str
    user_id: str
    quantity: int
    #: From this instant on its units are available to others.
    expires_at: datetime


@dataclass(frozen=True)
class Reserved(Reservation):
    """A hold, and how it came about."""

    #: Whether it is new; else the user had it already, and it has this quantity now.
    created: bool
    #: Whether this is the first answer again, to a repeat with the same key.
    replayed: bool


@dataclass(frozen=True)
class Order:
    """What was sold."""

    order_id: str
    reservation_id: str
    product_id: str
    user_id: str
    quantity: int
    unit_price: Decimal
    total: Decimal
    created_at: datetime


@dataclass(frozen=True)
class Sold(Order):
    """An order, and how it came about."""

    #: Whether this call wrote it; else it is the same order again.
    created: bool
    #: Whether this is the first answer again, to a repeat with the same key.
    replayed: bool


@dataclass(frozen=True)
class Wait:
    """A place in line."""

    product_id: str
    user_id: str
    #: How many units are waited for.
    quantity: int
    #: Since when.
    joined_at: datetime
    called: Literal[False]


@dataclass(frozen=True)
class WaitInLine(Wait):
    """A wait that goes on."""

    #: How many wait before them.
    ahead: int


@dataclass(frozen=True)
class Joined(WaitInLine):
    """A wait that goes on, and how it came about."""

    #: Whether it is new; else they waited already (perhaps since a lost attempt of this call), and want this quantity now.
    created: bool


@dataclass(frozen=True)
class WaitCalled(Reservation):
    """A wait that is over: this is held for them, and lapses like any hold."""

    called: Literal[True]


@dataclass(frozen=True)
class Page(Generic[T]):
    """A page of a list: newest first, or as people stand in line."""

    items: tuple[T, ...]
    #: Pass it as `cursor` for the next page; `None` on the last.
    next_cursor: str | None


# How each is read: a KeyError, TypeError or ValueError says that it is something else.


def read_product(body: Json) -> Product:
    return Product(**_product(body))


def read_product_with_stock(body: Json) -> ProductWithStock:
    reserved, available = _count(body, "reservedStock"), _count(body, "availableStock")
    return ProductWithStock(**_product(body), reserved_stock=reserved, available_stock=available)


def read_status(body: Json) -> StockStatus:
    return StockStatus(**_counters(body))


def read_event(body: Json, event_id: str) -> StockEvent:
    return StockEvent(**_counters(body), product_id=_text(body, "productId"), event_id=event_id)


def read_reservation(body: Json) -> Reservation:
    return Reservation(**_hold(body))


def read_reserved(body: Json, *, created: bool, replayed: bool) -> Reserved:
    return Reserved(**_hold(body), created=created, replayed=replayed)


def read_order(body: Json) -> Order:
    return Order(**_order(body))


def read_sold(body: Json, *, created: bool, replayed: bool) -> Sold:
    return Sold(**_order(body), created=created, replayed=replayed)


def read_wait(body: Json) -> Wait:
    return Wait(**_wait(body))


def read_joined(body: Json, *, created: bool) -> Joined:
    return Joined(**_wait(body), ahead=_count(body, "ahead"), created=created)


def read_wait_of_user(body: Json) -> WaitInLine | WaitCalled:
    if _is_called(body):
        return WaitCalled(**_hold(body), called=True)
    return WaitInLine(**_wait(body), ahead=_count(body, "ahead"))


def _product(body: Json) -> dict[str, Any]:
    limit = body.get("maxPerReservation")
    return {
        "id": _text(body, "id"),
        "name": _text(body, "name"),
        "description": _text(body, "description"),
        "price": _money(body, "price"),
        "total_stock": _count(body, "totalStock"),
        "created_at": _time(body, "createdAt"),
        "starts_at": None if body.get("startsAt") is None else _time(body, "startsAt"),
        "ends_at": None if body.get("endsAt") is None else _time(body, "endsAt"),
        "max_per_reservation": None if limit is None else _count(body, "maxPerReservation"),
    }


def _counters(body: Json) -> dict[str, Any]:
    return {
        "total_stock": _count(body, "totalStock"),
        "reserved_stock": _count(body, "reservedStock"),
        "available_stock": _count(body, "availableStock"),
    }


def _hold(body: Json) -> dict[str, Any]:
    return {
        "reservation_id": _text(body, "reservationId"),
        "product_id": _text(body, "productId"),
        "user_id": _text(body, "userId"),
        "quantity": _count(body, "quantity"),
        "expires_at": _time(body, "expiresAt"),
    }


def _order(body: Json) -> dict[str, Any]:
    return {
        "order_id": _text(body, "orderId"),
        "reservation_id": _text(body, "reservationId"),
        "product_id": _text(body, "productId"),
        "user_id": _text(body, "userId"),
        "quantity": _count(body, "quantity"),
        "unit_price": _money(body, "unitPrice"),
        "total": _money(body, "total"),
        "created_at": _time(body, "createdAt"),
    }


def _wait(body: Json) -> dict[str, Any]:
    if _is_called(body):
        raise TypeError("who is called waits no more")
    return {
        "product_id": _text(body, "productId"),
        "user_id": _text(body, "userId"),
        "quantity": _count(body, "quantity"),
        "joined_at": _time(body, "joinedAt"),
        "called": False,
    }


def _is_called(body: Json) -> bool:
    value = body["called"]
    if not isinstance(value, bool):
        raise TypeError("called is neither true nor false")
    return value


def _text(body: Json, name: str) -> str:
    value = body[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is no string")
    return value


def _count(body: Json, name: str) -> int:
    value = body[name]
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is no integer")
    return value


def _money(body: Json, name: str) -> Decimal:
    value = body[name]
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise TypeError(f"{name} is no number")
    return Decimal(value)


def _time(body: Json, name: str) -> datetime:
    return parse_time(_text(body, name))
