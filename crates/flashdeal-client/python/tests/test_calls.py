"""What is sent, what is read, and what an error tells."""

from __future__ import annotations

import json
import pickle
import unittest
from datetime import datetime, timezone
from decimal import Decimal
from typing import Union

from flashdeal import Client, FieldError, FlashdealError, Wait, WaitCalled, WaitInLine

from scripted import HOLD, ORDER, PHONE, PRODUCT, WAITS, Say, Scripted, problem

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


class Calls(unittest.TestCase):
    def test_money_is_exact_and_times_are_instants(self) -> None:
        with Scripted(Say(201, ORDER), Say(200, PHONE)) as server:
            client = server.client()
            sold = client.checkout(PRODUCT, "ada", reservation_id="r")
            # As a float it would be 9999999999990000.0 for many a cent more or less.
            self.assertEqual(str(sold.unit_price * sold.quantity), "9999999999990000.00")
            self.assertEqual(str(sold.total), "9999999999990000.00")
            self.assertEqual(sold.created_at, NOON)
            product = client.product(PRODUCT)
            self.assertEqual(product.price, Decimal("0.10"))
            self.assertEqual(str(product.price), "0.10")
            self.assertEqual(product.name, 'Phone "price":1.5')
            self.assertIsNone(product.starts_at)
            self.assertEqual(server.seen[0].body, '{"userId": "ada", "reservationId": "r"}')

    def test_prices_go_out_as_they_are_and_never_as_floats(self) -> None:
        with Scripted(*[Say(201, PHONE)] * 4) as server:
            client = server.client()
            prices: list[Union[Decimal, int, str]] = [Decimal("1E+3"), Decimal("499.90"), 7, "0.10"]
            for price in prices:
                client.create_product("Phone", price, 200, starts_at=NOON, max_per_reservation=5)
            sent = [json.loads(seen.body) for seen in server.seen]
            self.assertEqual([body["price"] for body in sent], ["1000", "499.90", "7", "0.10"])
            terms = {"startsAt": "2026-11-22T12:00:00.000Z", "maxPerReservation": 5}
            self.assertEqual(sent[3], {"name": "Phone", "price": "0.10", "totalStock": 200, **terms})
            with self.assertRaises(TypeError):
                client.create_product("Phone", 0.1, 200)  # type: ignore[arg-type]
            with self.assertRaises(ValueError):
                client.create_product("Phone", 1, 200, starts_at=datetime(2026, 11, 22))

    def test_a_change_names_only_what_changes(self) -> None:
        with Scripted(*[Say(200, PHONE)] * 3) as server:
            client = server.client()
            client.change_product(PRODUCT, add_stock=-5)
            client.change_product(PRODUCT, starts_at=None, ends_at=NOON, max_per_reservation=None)
            client.change_product(PRODUCT, description="", price=1)
            self.assertEqual(
                [seen.body for seen in server.seen],
                [
                    '{"addStock": -5}',
                    '{"startsAt": null, "endsAt": "2026-11-22T12:00:00.000Z", "maxPerReservation": null}',
                    '{"description": "", "price": "1"}',
                ],
            )
            self.assertTrue(server.seen[0].line.startswith(f"PATCH /api/products/{PRODUCT} HTTP"))

    def test_no_hold_is_no_error(self) -> None:
        gone = problem(404, "no_reservation")
        with Scripted(Say(200, HOLD), gone, Say(200, HOLD), gone, problem(404, "product_not_found")) as server:
            client = server.client()
            held = client.hold(PRODUCT, "a&b ü")
            assert held is not None
            self.assertEqual(held.expires_at.microsecond, 123_000)
            self.assertIsNone(client.hold(PRODUCT, "ada"))
            self.assertEqual(client.release(PRODUCT, "ada"), held)
            self.assertIsNone(client.release(PRODUCT, None))
            with self.assertRaises(FlashdealError):
                client.hold(PRODUCT, "ada")
            path = f"/api/products/{PRODUCT}/reserve"
            lines = [seen.line for seen in server.seen]
            self.assertEqual(lines[0], f"GET {path}?userId=a%26b+%C3%BC HTTP/1.1")
            self.assertEqual(lines[2:4], [f"DELETE {path}?userId=ada HTTP/1.1", f"DELETE {path} HTTP/1.1"])

    def test_a_wait_is_told_as_it_stands(self) -> None:
        left, called = WAITS.replace(',"ahead":7', ""), HOLD.replace("{", '{"called":true,', 1)
        gone, unknown = problem(404, "not_waiting"), problem(404, "product_not_found")
        script = [Say(201, WAITS), Say(200, WAITS), Say(200, WAITS), Say(200, called), gone, Say(200, left), gone, unknown]
        with Scripted(*script) as server:
            client = server.client()
            joined = client.join(PRODUCT, "ada", 2)
            self.assertEqual((joined.created, joined.ahead, joined.joined_at), (True, 7, NOON))
            self.assertFalse(client.join(PRODUCT, None).created)
            self.assertEqual(client.wait(PRODUCT, "a&b ü"), WaitInLine(PRODUCT, "ada", 2, NOON, called=False, ahead=7))
            wait = client.wait(PRODUCT, "ada")
            assert isinstance(wait, WaitCalled)
            self.assertEqual((wait.called, wait.quantity, wait.expires_at.microsecond), (True, 2, 123_000))
            self.assertIsNone(client.wait(PRODUCT, None))
            self.assertEqual(client.leave(PRODUCT, "ada"), Wait(PRODUCT, "ada", 2, NOON, called=False))
            self.assertIsNone(client.leave(PRODUCT, "ada"))
            with self.assertRaises(FlashdealError):
                client.wait(PRODUCT, "ada")
            path = f"/api/products/{PRODUCT}/waitlist"
            self.assertEqual(
                [seen.line.rsplit(" ", 1)[0] for seen in server.seen[1:6]],
                [
                    f"POST {path}",
                    f"GET {path}?userId=a%26b+%C3%BC",
                    f"GET {path}?userId=ada",
                    f"GET {path}",
                    f"DELETE {path}?userId=ada",
                ],
            )
            bodies = [seen.body for seen in server.seen[:2]]
            self.assertEqual(bodies, ['{"userId": "ada", "quantity": 2}', '{"quantity": 1}'])

    def test_a_wait_of_somebody_else_is_unreadable(self) -> None:
        called, line = HOLD.replace("{", '{"called":true,', 1), '{"items":[],"nextCursor":null}'
        with Scripted(*[Say(200, content) for content in (HOLD, line, WAITS.replace("false", "0"), called)]) as server:
            client = server.client()
            for _ in range(3):
                with self.assertRaises(FlashdealError) as raised:
                    client.wait(PRODUCT, "ada")
                self.assertEqual(raised.exception.code, "unreadable_answer")
            with self.assertRaises(FlashdealError) as raised:
                client.join(PRODUCT, "ada")
            self.assertEqual(raised.exception.code, "unreadable_answer")

    def test_a_line_comes_by_page_and_whole(self) -> None:
        waits = WAITS.replace(',"ahead":7', "")
        first = '{"items":[%s,%s],"nextCursor":"8"}' % (waits, waits)
        last = '{"items":[%s],"nextCursor":null}' % waits
        with Scripted(Say(200, first), Say(200, first), Say(200, last)) as server:
            client = server.client()
            page = client.waits(PRODUCT, limit=2, cursor="5")
            self.assertEqual(([wait.user_id for wait in page.items], page.next_cursor), (["ada", "ada"], "8"))
            self.assertEqual([wait.joined_at for wait in client.iter_waits(PRODUCT)], [NOON] * 3)
            path = f"/api/products/{PRODUCT}/waitlist?limit="
            self.assertEqual(
                [seen.line.split()[1] for seen in server.seen],
                [f"{path}2&cursor=5", f"{path}100", f"{path}100&cursor=8"],
            )

    def test_lists_come_by_page_and_whole(self) -> None:
        first = '{"items":[%s,%s],"nextCursor":"c1"}' % (ORDER, ORDER)
        last = '{"items":[%s],"nextCursor":null}' % ORDER
        with Scripted(Say(200, first), Say(200, first), Say(200, last)) as server:
            client = server.client("/deals/", token="t0k")
            page = client.orders(user_id="ada", product_id=PRODUCT, limit=2)
            self.assertEqual((len(page.items), page.next_cursor), (2, "c1"))
            self.assertEqual(len(list(client.iter_orders(user_id="ada"))), 3)
            self.assertEqual(
                [seen.line.split()[1] for seen in server.seen],
                [
                    f"/deals/api/orders?limit=2&userId=ada&productId={PRODUCT}",
                    "/deals/api/orders?limit=100&userId=ada",
                    "/deals/api/orders?limit=100&cursor=c1&userId=ada",
                ],
            )
            self.assertEqual({seen.headers["authorization"] for seen in server.seen}, {"Bearer t0k"})

    def test_errors_tell_all_that_the_server_said(self) -> None:
        broken = problem(400, "invalid_request", errors=[{"field": "quantity", "message": "must be 1 or more"}])
        short = problem(409, "insufficient_stock", availableStock=1, reason="all_held")
        early = problem(409, "sale_not_started", "retry-after: 7\r\n", startsAt="2026-11-22T12:00:00.000Z")
        many = problem(409, "limit_per_reservation", maxPerReservation=5)
        page = Say(418, "<html>I am a proxy</html>")
        told: list[FlashdealError] = []
        with Scripted(broken, short, early, many, page) as server:
            client = server.client()
            for _ in range(5):
                with self.assertRaises(FlashdealError) as raised:
                    client.reserve(PRODUCT, "ada")
                told.append(raised.exception)
        broken_error, short_error, early_error, many_error, page_error = told
        self.assertEqual(broken_error.errors, (FieldError("quantity", "must be 1 or more"),))
        self.assertEqual(str(broken_error), "400 invalid_request: Told. quantity must be 1 or more. (request r-7)")
        self.assertEqual((broken_error.detail, broken_error.request_id), ("Told.", "r-7"))
        self.assertEqual((short_error.available_stock, short_error.reason), (1, "all_held"))
        self.assertTrue(short_error.may_free_up and not broken_error.may_free_up)
        self.assertEqual((early_error.starts_at, early_error.retry_after), (NOON, 7))
        self.assertEqual(many_error.max_per_reservation, 5)
        self.assertEqual((page_error.status, page_error.code, page_error.request_id), (418, "", ""))
        self.assertEqual(str(pickle.loads(pickle.dumps(broken_error))), str(broken_error))

    def test_an_answer_of_somebody_else_is_unreadable(self) -> None:
        for content in ("<html>", "[]", "{}", '{"totalStock":1.5,"reservedStock":0,"availableStock":0}', "NaN"):
            with Scripted(Say(200, content)) as server:
                with self.assertRaises(FlashdealError) as raised:
                    server.client().status(PRODUCT)
                self.assertEqual((raised.exception.code, raised.exception.status), ("unreadable_answer", 200))

    def test_settings_that_make_no_client_are_refused(self) -> None:
        for url in ("shop:8080", "127.0.0.1", "ftp://shop", "http://", "http://shop/?a=b", "http://me@shop", ""):
            with self.assertRaises(ValueError):
                Client(url)
        for token in ("", "a\nb", "ä"):
            with self.assertRaises(ValueError):
                Client("http://shop", token=token)
        with self.assertRaises(ValueError):
            Client("http://shop", attempts=0)
        self.assertNotIn("secret", repr(Client(" https://shop/deals/ ", token="secret")))


if __name__ == "__main__":
    unittest.main()
