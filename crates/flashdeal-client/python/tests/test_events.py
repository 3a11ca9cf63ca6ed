"""Live stock over connections that end, and webhooks."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
import unittest
from decimal import Decimal
from typing import Optional
from unittest import mock

from flashdeal import BadWebhook, FlashdealError, Webhook

from scripted import ORDER, PRODUCT, HangUp, Scripted, Stream, problem


def event(total: int, reserved: int) -> str:
    data = {"productId": PRODUCT, "totalStock": total, "reservedStock": reserved, "availableStock": total - reserved}
    return f"id: {PRODUCT}:{total}:{reserved}\nevent: stock\ndata: {json.dumps(data)}\n\n"


HELLO = "retry: 10\n\n: keep-alive\n\n"


class Events(unittest.TestCase):
    def test_a_lost_stream_goes_on_after_the_last_event(self) -> None:
        first = Stream(HELLO + event(5, 0) + event(5, 1) + "id: half\nevent: stock\ndata: {")
        noise = "event: news\ndata: {}\n\n" + "data: {}\n\n"
        then = Stream(HELLO + noise + event(5, 2).replace("\n", "\r\n"), stays=True)
        with Scripted(first, HangUp(), problem(503, "unavailable"), then) as server:
            with server.client(token="t0k").watch(PRODUCT, patience=600) as events:
                told = [next(events) for _ in range(3)]
            self.assertEqual([one.available_stock for one in told], [5, 4, 3])
            self.assertEqual({one.product_id for one in told}, {PRODUCT})
            self.assertEqual(told[1].event_id, f"{PRODUCT}:5:1")
            self.assertEqual(events.last_event_id, f"{PRODUCT}:5:2")
            self.assertEqual(server.seen[0].line, f"GET /api/products/{PRODUCT}/events HTTP/1.1")
            self.assertEqual(server.seen[0].headers["authorization"], "Bearer t0k")
            self.assertNotIn("last-event-id", server.seen[0].headers)
            self.assertEqual([seen.headers["last-event-id"] for seen in server.seen[1:]], [f"{PRODUCT}:5:1"] * 3)

    def test_several_products_and_an_id_from_before(self) -> None:
        with Scripted(Stream(event(5, 0), stays=True)) as server:
            with server.client().watch("a", "b", last_event_id="a:5:1", patience=600) as events:
                self.assertEqual(next(events).total_stock, 5)
            self.assertEqual(server.seen[0].line, "GET /api/events?products=a,b HTTP/1.1")
            self.assertEqual(server.seen[0].headers["last-event-id"], "a:5:1")

    def test_a_refusal_is_raised_and_patience_ends(self) -> None:
        with Scripted(problem(404, "product_not_found")) as server:
            with self.assertRaises(FlashdealError) as raised:
                next(server.client().watch(PRODUCT))
            self.assertEqual(raised.exception.code, "product_not_found")
        with Scripted(problem(429, "rate_limited", "retry-after: 840\r\n")) as server:
            with self.assertRaises(FlashdealError) as raised:
                next(server.client().watch(PRODUCT))
            self.assertEqual((raised.exception.code, len(server.seen)), ("rate_limited", 1))
        with Scripted(*[HangUp()] * 100) as server:
            with self.assertRaises(FlashdealError) as raised:
                next(server.client().watch(PRODUCT, patience=0.3))
            self.assertEqual(raised.exception.code, "no_answer")

    def test_closing_it_ends_who_waits(self) -> None:
        with Scripted(Stream(event(5, 0), stays=True)) as server:
            events = server.client().watch(PRODUCT, patience=600)
            next(events)
            threading.Timer(0.3, events.close).start()
            self.assertEqual(list(events), [])


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
# The example that the libraries of Standard Webhooks are tested with.
ID, SENT_AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}'
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


class Webhooks(unittest.TestCase):
    def verify(self, body: bytes, signature: str, at: float = SENT_AT, sent_at: Optional[str] = None) -> object:
        headers = {"Webhook-Id": ID, "webhook-timestamp": sent_at or str(SENT_AT), "WEBHOOK-SIGNATURE": signature}
        with mock.patch.object(time, "time", return_value=at):
            return Webhook(SECRET).verify(body, headers)

    def test_a_message_is_signed_as_others_sign_it(self) -> None:
        # It is genuine, and says nothing that we know.
        with self.assertRaisesRegex(BadWebhook, "it is signed"):
            self.verify(BODY, SIGNED)
        with self.assertRaisesRegex(BadWebhook, "it is signed"):
            self.verify(BODY, "v1,AAAA v1a,BBBB " + SIGNED, SENT_AT + 299)

    def test_what_is_forged_or_old_is_refused(self) -> None:
        for signature in ("", "v1,ä", SIGNED[:-1], SIGNED[3:]):
            with self.assertRaisesRegex(BadWebhook, "no signature"):
                self.verify(BODY, signature)
        with self.assertRaisesRegex(BadWebhook, "no signature"):
            self.verify(BODY + b" ", SIGNED)
        for at in (SENT_AT - 301, SENT_AT + 301):
            with self.assertRaisesRegex(BadWebhook, "too long ago"):
                self.verify(BODY, SIGNED, at)
        for sent_at in ("soon", "-1", "1e9", "9" * 5000):
            with self.assertRaises(BadWebhook):
                self.verify(BODY, SIGNED, sent_at=sent_at)
        with self.assertRaises(BadWebhook):
            Webhook(SECRET).verify(BODY, {})

    def test_an_order_is_read(self) -> None:
        told = '{"type":"order.created","timestamp":"2026-11-22T12:00:00.000Z","data":%s}' % ORDER
        ping = '{"type":"ping","timestamp":"2026-11-22T12:00:00.000Z","data":{}}'
        key = base64.b64decode(SECRET[6:])
        for body, total in ((told, Decimal("9999999999990000.00")), (ping, None)):
            mac = hmac.digest(key, f"{ID}.{SENT_AT}.{body}".encode(), "sha256")
            with mock.patch.object(time, "time", return_value=SENT_AT):
                headers = {
                    "webhook-id": ID,
                    "webhook-timestamp": str(SENT_AT),
                    "webhook-signature": "v1," + base64.b64encode(mac).decode(),
                }
                said = Webhook(SECRET).verify(body.encode(), headers)
            self.assertEqual((said.id, said.order.total if said.order else None), (ID, total))

    def test_secrets_that_are_none_are_refused(self) -> None:
        for secret in ("", "whsec_", "whsec_ä", "whsec_a*b="):
            with self.assertRaises(ValueError):
                Webhook(secret)


if __name__ == "__main__":
    unittest.main()
