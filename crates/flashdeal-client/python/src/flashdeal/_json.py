"""JSON in and out, in which money stays exact."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, Mapping


def parse(content: bytes | str) -> Any:
    """Reads JSON; a number with a fraction becomes a `Decimal`, digit by digit.

    Raises `ValueError` if it is none.
    """
    return json.loads(content, parse_float=Decimal, parse_constant=_no_number)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def encode(body: Mapping[str, Any], *, nulls: Mapping[str, Any] | None = None) -> bytes:
    """Writes a body, without the fields that are `None`; those of `nulls` may be."""
    given = {name: value for name, value in body.items() if value is not None}
    return json.dumps({**given, **(nulls or {})}).encode()


def parse_time(text: str) -> datetime:
    """Reads the times that the server writes, which end with Z. Raises `ValueError` if it is none."""
    # Before 3.11 fromisoformat knows no Z.
    time = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    if time.tzinfo is None:
        raise ValueError(f"{text} has no offset")
    return time.astimezone(timezone.utc)


def write_time(time: datetime) -> str:
    """Writes a time to the millisecond. Raises `ValueError` if it says of no zone."""
    if time.tzinfo is None:
        raise ValueError("a time needs a zone: datetime(…, tzinfo=timezone.utc)")
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write_price(price: Decimal | int | str) -> str:
    """Writes a price as the decimal string that the API takes. Raises `TypeError` for a float: it is not exact."""
    if isinstance(price, (bool, float)):
        raise TypeError("a price is a Decimal, an int or a str such as '499.90': a float is not exact")
    return format(price, "f") if isinstance(price, Decimal) else str(price)
