"""Webhooks as Standard Webhooks has them: is it from our shop, and what does it say?"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Iterable, Protocol

from ._json import parse, parse_time
from .models import Order, read_order


class BadWebhook(ValueError):
    """The message is not to be believed: answer 401 and do nothing."""


class Headers(Protocol):
    """Headers as any framework has them; the case of their names does not matter."""

    def items(self) -> Iterable[tuple[str, str]]: ...


@dataclass(frozen=True)
class WebhookEvent:
    """A message that is genuine."""

    #: The same however often it is told: take none twice.
    id: str
    #: `order.created`; pass over types that you do not know.
    type: str
    timestamp: datetime
    #: Of `order.created`: what was sold.
    order: Order | None
    #: What the message says, as it came.
    data: Any


class Webhook:
    """Verifies what the server pushes.

    `secret` is the server's FLASHDEAL_WEBHOOK_SECRET, `whsec_…`. Raises `ValueError` if it is none.
    """

    def __init__(self, secret: str) -> None:
        encoded = secret[len("whsec_") :] if secret.startswith("whsec_") else secret
        try:
            self._key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except binascii.Error:
            self._key = b""
        if not self._key:
            raise ValueError("a webhook secret is whsec_ and base64: it is the server's FLASHDEAL_WEBHOOK_SECRET")

    def verify(self, body: bytes, headers: Headers, *, tolerance: float = 300.0) -> WebhookEvent:
        """The event, if it was signed with the secret no more than `tolerance` seconds ago.

        `body` is the bytes as they came: JSON that was read and written again is signed differently.
        Raises `BadWebhook`.
        """
        given = {name.lower(): value for name, value in headers.items()}
        id, sent_at = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
        if not (id and sent_at.isascii() and sent_at.isdigit()):
            raise BadWebhook("webhook-id or webhook-timestamp is missing")
        if not self._is_signed(f"{id}.{sent_at}.".encode() + body, given.get("webhook-signature", "")):
            raise BadWebhook("no signature is by this secret")
        if len(sent_at) > 15 or abs(time.time() - int(sent_at)) > tolerance:
            raise BadWebhook("it was signed too long ago, or the clocks differ")
        try:
            said = parse(body)
            kind, timestamp, data = said["type"], parse_time(said["timestamp"]), said.get("data")
            order = read_order(data) if kind == "order.created" else None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadWebhook(f"it is signed, but no event of flashdeal: {error!r}") from error
        return WebhookEvent(id=id, type=kind, timestamp=timestamp, order=order, data=data)

    def _is_signed(self, content: bytes, signatures: str) -> bool:
        wanted = b"v1," + base64.b64encode(hmac.digest(self._key, content, "sha256"))
        # All of them are compared: an endpoint may be told with an old and a new secret at once.
        return any([hmac.compare_digest(wanted, one.encode()) for one in signatures.split()])
