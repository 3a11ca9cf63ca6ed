"""What is repeated, with which key, and when."""

from __future__ import annotations

import socket
import threading
import time
import unittest
from unittest import mock

from flashdeal import Attempt, Client, FlashdealError

from scripted import HOLD, ORDER, PHONE, PRODUCT, WAITS, HangUp, Say, Scripted, Sleep, problem


class Retries(unittest.TestCase):
    def test_a_reserve_is_repeated_with_the_key_the_client_made(self) -> None:
        lost = Say(201, HOLD[:20], withheld=100)
        with Scripted(HangUp(), problem(503, "unavailable"), lost, Say(201, HOLD)) as server:
            held = server.client().reserve(PRODUCT, "ada", 2)
            self.assertTrue(held.created and not held.replayed)
            self.assertEqual(held.quantity, 2)
            self.assertEqual(len(server.keys()), 4)
            self.assertEqual(len(set(server.keys())), 1)
            self.assertEqual({seen.body for seen in server.seen}, {'{"userId": "ada", "quantity": 2}'})

    def test_a_checkout_is_repeated_with_the_same_key_until_its_outcome_is_known(self) -> None:
        again = Say(200, ORDER, "idempotent-replayed: true\r\n")
        with Scripted(HangUp(), problem(409, "checkout_in_progress"), again) as server:
            sold = server.client().checkout(PRODUCT, "ada")
            self.assertTrue(sold.replayed and not sold.created)
            self.assertEqual(len(server.keys()), 3)
            self.assertEqual(len(set(server.keys())), 1)

    def test_a_place_in_line_is_asked_for_and_left_again_without_a_key(self) -> None:
        left = WAITS.replace(',"ahead":7', "")
        busy, full = problem(503, "unavailable"), problem(409, "waiting_list_full")
        with Scripted(HangUp(), busy, Say(200, WAITS), HangUp(), busy, Say(200, left), full) as server:
            client = server.client()
            self.assertEqual(client.join(PRODUCT, "ada", 2).ahead, 7)
            self.assertIsNotNone(client.leave(PRODUCT, "ada"))
            with self.assertRaises(FlashdealError) as raised:
                client.join(PRODUCT, "ada", 2)
            self.assertEqual((raised.exception.code, raised.exception.attempts), ("waiting_list_full", 1))
            self.assertEqual([seen.line.split()[0] for seen in server.seen], ["POST"] * 3 + ["DELETE"] * 3 + ["POST"])
            self.assertFalse(any("idempotency-key" in seen.headers for seen in server.seen))

    def test_two_calls_have_two_keys_and_a_given_key_is_used(self) -> None:
        with Scripted(Say(201, HOLD), Say(200, HOLD), Say(200, HOLD)) as server:
            client = server.client()
            client.reserve(PRODUCT, "ada", 2)
            client.reserve(PRODUCT, "ada", 2)
            client.reserve(PRODUCT, "ada", 2, idempotency_key="mine")
            first, second, third = server.keys()
            self.assertNotEqual(first, second)
            self.assertEqual(third, "mine")
            for bad in ("", "a b", "ä", "k" * 256, "a\r\nb"):
                with self.assertRaises(ValueError):
                    client.reserve(PRODUCT, "ada", idempotency_key=bad)
            self.assertEqual(len(server.seen), 3)

    def test_retry_after_is_honoured(self) -> None:
        for status, code in ((503, "unavailable"), (429, "rate_limited")):
            with Scripted(problem(status, code, "retry-after: 1\r\n"), Say(201, HOLD)) as server:
                server.client().reserve(PRODUCT, "ada", 2)
                first, second = server.seen
                self.assertGreaterEqual(second.at - first.at, 1.0)

    def test_a_wait_that_does_not_fit_is_not_begun(self) -> None:
        with Scripted(problem(429, "rate_limited", "retry-after: 840\r\n")) as server:
            begun = time.monotonic()
            with self.assertRaises(FlashdealError) as raised:
                server.client().reserve(PRODUCT, "ada", 2)
            self.assertLess(time.monotonic() - begun, 200)
            self.assertEqual((raised.exception.status, raised.exception.code), (429, "rate_limited"))
            self.assertEqual(raised.exception.retry_after, 840)

    def test_attempts_are_bounded_and_observed(self) -> None:
        told: list[Attempt] = []
        with Scripted(*[problem(503, "unavailable")] * 9) as server:
            with self.assertRaises(FlashdealError) as raised:
                server.client(attempts=3, on_attempt=told.append).status(PRODUCT)
            self.assertEqual((raised.exception.code, raised.exception.attempts), ("unavailable", 3))
            self.assertEqual(len(server.seen), 3)
        expected = [("status", number, 503) for number in (1, 2, 3)]
        self.assertEqual([(one.operation, one.number, one.status) for one in told], expected)

    def test_a_call_takes_no_longer_than_it_may(self) -> None:
        with Scripted() as server:
            begun = time.monotonic()
            with self.assertRaises(FlashdealError) as raised:
                server.client(attempts=100, attempt_time=0.2, total_time=1.0).reserve(PRODUCT, "ada", 2)
            # A hundred attempts would take longer.
            self.assertLess(time.monotonic() - begun, 120)
            self.assertEqual((raised.exception.code, raised.exception.status), ("no_answer", None))
            self.assertLessEqual(len(set(server.keys())), 1)

    def test_an_answer_that_drips_is_too_slow_as_well(self) -> None:
        # Each byte comes within the time of an attempt, the whole never does.
        def drip() -> None:
            peer, _ = listener.accept()
            try:
                peer.sendall(b"HTTP/1.1 200 OK\r\nx: ")
                while True:
                    peer.sendall(b"y")
                    time.sleep(0.1)
            except OSError:
                peer.close()

        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=drip, daemon=True).start()
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with self.assertRaises(FlashdealError) as raised:
                Client(url, attempts=1, attempt_time=1.0).status(PRODUCT)
            self.assertEqual(raised.exception.code, "no_answer")

    def test_what_would_be_done_twice_is_not_repeated(self) -> None:
        with Scripted(HangUp(), problem(503, "unavailable"), HangUp(), HangUp(), Say(200, PHONE)) as server:
            client = server.client()
            for code in ("no_answer", "unavailable"):
                with self.assertRaises(FlashdealError) as raised:
                    client.create_product("Phone", "0.10", 200)
                self.assertEqual((raised.exception.code, raised.exception.attempts), (code, 1))
            with self.assertRaises(FlashdealError) as raised:
                client.change_product(PRODUCT, add_stock=-5)
            self.assertEqual((raised.exception.code, raised.exception.attempts), ("no_answer", 1))
            self.assertEqual(client.change_product(PRODUCT, price="0.10").available_stock, 197)
            self.assertEqual(len(server.seen), 5)

    def test_a_server_that_is_not_there_yet_is_waited_for_by_every_call(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with self.assertRaises(FlashdealError) as raised:
            Client(url, attempts=2).create_product("Phone", 1, 200)
        self.assertEqual((raised.exception.code, raised.exception.attempts), ("no_answer", 2))

    def test_connections_are_kept_and_one_that_was_closed_is_not_used(self) -> None:
        with Scripted(Say(200, PHONE), Say(200, PHONE), Say(200, PHONE)) as server:
            client = server.client(attempts=1)
            with mock.patch("flashdeal._http.IDLE_TIME", 600):
                client.product(PRODUCT)
                client.product(PRODUCT)
                self.assertEqual(server.connections, 1)
                server.hang_up()
                while client._http._idle[0].line.is_quiet():
                    time.sleep(0.01)
                client.product(PRODUCT)
            self.assertEqual(server.connections, 2)

    def test_what_is_refused_for_good_is_not_repeated(self) -> None:
        for status in (400, 404, 409, 422, 500):
            with Scripted(problem(status, "some_code"), Sleep()) as server:
                with self.assertRaises(FlashdealError):
                    server.client().reserve(PRODUCT, "ada")
                self.assertEqual(len(server.seen), 1)


if __name__ == "__main__":
    unittest.main()
