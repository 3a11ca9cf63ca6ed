"""Buys two phones from a server that runs: creates the deal, watches it, holds, checks out, looks the order up again, and
stands in line for two more.

    cargo run &
    python examples/buy.py [http://127.0.0.1:8080 [TOKEN]]
"""

from __future__ import annotations

import sys
import time

from flashdeal import Client, FlashdealError, WaitInLine


def main(url: str = "http://127.0.0.1:8080", token: str | None = None) -> None:
    # More patient than by default: the server may be a debug build on a busy machine.
    with Client(url, token=token, attempt_time=30, total_time=90) as shop:
        phone = shop.create_product("Phone", "499.90", 3, description="128 GB")
        print(f"{phone.name} costs {phone.price}, {phone.total_stock} to sell")

        with shop.watch(phone.id) as events:
            print(f"live: {next(events).available_stock} available")
            held = shop.reserve(phone.id, "ada", 2)
            print(f"{held.quantity} held until {held.expires_at:%H:%M:%S}")
            print(f"live: {next(events).available_stock} available")

        try:
            shop.reserve(phone.id, "bob", 2)
        except FlashdealError as error:
            print(f"{error.code}: {error.available_stock} left ({error.reason})")

        # Naming the hold makes a repeat of this call, even tomorrow, answer the same order.
        sold = shop.checkout(phone.id, "ada", reservation_id=held.reservation_id)
        again = shop.checkout(phone.id, "ada", reservation_id=held.reservation_id)
        assert sold.created and not again.created and again.order_id == sold.order_id
        assert [order.order_id for order in shop.iter_orders(product_id=phone.id)] == [sold.order_id]
        assert shop.order(sold.order_id).total == sold.unit_price * sold.quantity
        print(f"order {sold.order_id} for {sold.total}; {shop.status(phone.id).available_stock} left")

        assert shop.hold(phone.id, "ada") is None
        shop.reserve(phone.id, "bob")
        given_back = shop.release(phone.id, "bob")
        assert given_back is not None and given_back.quantity == 1
        restocked = shop.change_product(phone.id, add_stock=10, price="450")
        print(f"restocked: {restocked.available_stock} for {restocked.price} each")

        shop.reserve(phone.id, "ada", restocked.available_stock)
        joined = shop.join(phone.id, "bob", 2)
        print(f"bob waits for {joined.quantity}, {joined.ahead} before him")
        assert [wait.user_id for wait in shop.iter_waits(phone.id)] == ["bob"]
        shop.release(phone.id, "ada")
        wait = shop.wait(phone.id, "bob")
        while isinstance(wait, WaitInLine):
            time.sleep(0.5)
            wait = shop.wait(phone.id, "bob")
        assert wait is not None and shop.leave(phone.id, "bob") is None
        print(f"bob is called: {wait.quantity} held until {wait.expires_at:%H:%M:%S}")


if __name__ == "__main__":
    main(*sys.argv[1:])
