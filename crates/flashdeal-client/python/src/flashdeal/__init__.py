"""A typed client of the flashdeal HTTP API: retries that never buy twice.

    from flashdeal import Client, FlashdealError

    with Client("http://127.0.0.1:8080") as shop:
        held = shop.reserve(product_id, "ada", 2)
        sold = shop.checkout(product_id, "ada", reservation_id=held.reservation_id)
        print(f"order {sold.order_id} for {sold.total}")

Prices are `decimal.Decimal` and never pass through a float; times are aware `datetime`s in UTC.
"""

from ._events import Watch
from ._sending import Attempt
from .client import KEEP, Client, Keep
from .errors import FieldError, FlashdealError
from .models import (
    Joined,
    Order,
    Page,
    Product,
    ProductWithStock,
    Reservation,
    Reserved,
    Sold,
    StockEvent,
    StockStatus,
    Wait,
    WaitCalled,
    WaitInLine,
)
from .webhooks import BadWebhook, Webhook, WebhookEvent

__all__ = [
    "KEEP",
    "Attempt",
    "BadWebhook",
    "Client",
    "FieldError",
    "FlashdealError",
    "Joined",
    "Keep",
    "Order",
    "Page",
    "Product",
    "ProductWithStock",
    "Reservation",
    "Reserved",
    "Sold",
    "StockEvent",
    "StockStatus",
    "Wait",
    "WaitCalled",
    "WaitInLine",
    "Watch",
    "Webhook",
    "WebhookEvent",
]
