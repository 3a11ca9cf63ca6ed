"""What can go wrong, in one type: the server's problem, no server, or no sense in its answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Mapping

from ._json import parse, parse_time

#: The `code` of an error of the client's own: no answer came, or not in time.
NO_ANSWER = "no_answer"
#: The `code` of an error of the client's own: an answer came that is not of the flashdeal API.
UNREADABLE_ANSWER = "unreadable_answer"


@dataclass(frozen=True)
class FieldError:
    """One broken field of a request."""

    #: Its name in JSON, such as `quantity`.
    field: str
    #: What it must be.
    message: str


class FlashdealError(Exception):
    """Why a call gave no result. Match on `code`.

    Of a reserve or checkout that ended with `no_answer` nothing is known: repeat it with the same idempotency key.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        attempts: int = 1,
        body: Mapping[str, Any] | None = None,
    ) -> None:
        body = body or {}
        #: The `code` of the server's problem, `no_answer`, `unreadable_answer`, or empty if a proxy answered without one.
        self.code = code
        #: What it is and what to do, for people.
        self.detail = detail
        #: The HTTP status; `None` if no answer came.
        self.status = status
        #: How many seconds the server asks to be left alone.
        self.retry_after = retry_after
        #: How many attempts were made.
        self.attempts = attempts
        #: The name under which the server's log knows this request; empty if it was not the server that answered.
        self.request_id = _text(body, "requestId") or ""
        #: Every broken field of the request, if that is what is wrong.
        self.errors = _field_errors(body.get("errors"))
        #: Of `insufficient_stock`: how many units there are.
        self.available_stock = _count(body, "availableStock")
        #: Of `insufficient_stock`: `sold_out`, `all_held`, or `waiting_list` (others wait: join them).
        self.reason = _text(body, "reason")
        #: Of `sale_not_started`: when it does; `retry_after` is how long that is by the server's clock, a day at most.
        self.starts_at = _instant(body, "startsAt")
        #: Of `sale_ended`: since when.
        self.ends_at = _instant(body, "endsAt")
        #: Of `limit_per_reservation`: the most units of one hold.
        self.max_per_reservation = _count(body, "maxPerReservation")
        super().__init__(code, detail)

    @property
    def may_free_up(self) -> bool:
        """Whether the units are not there now but may be soon: others hold them, and holds lapse."""
        return self.reason == "all_held"

    @classmethod
    def refused(cls, status: int, content: bytes, *, retry_after: float | None, attempts: int) -> FlashdealError:
        """From an answer with a status of failure, whoever gave it."""
        try:
            body = parse(content)
        except ValueError:
            body = None
        body = body if isinstance(body, dict) else {}
        detail = _text(body, "detail") or _text(body, "title") or "no explanation came with it"
        code = _text(body, "code") or ""
        return cls(code, detail, status=status, retry_after=retry_after, attempts=attempts, body=body)

    def __str__(self) -> str:
        parts = [str(part) for part in (self.status, self.code) if part]
        fields = "".join(f" {error.field} {error.message}." for error in self.errors)
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{' '.join(parts)}: {self.detail}{fields}{request}"


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) else None


def _count(body: Mapping[str, Any], name: str) -> int | None:
    value = body.get(name)
    return value if isinstance(value, int) else None


def _instant(body: Mapping[str, Any], name: str) -> datetime | None:
    value = _text(body, name)
    try:
        return None if value is None else parse_time(value)
    except ValueError:
        return None


def _field_errors(value: object) -> tuple[FieldError, ...]:
    items = value if isinstance(value, list) else []
    return tuple(
        FieldError(str(item.get("field", "")), str(item.get("message", ""))) for item in items if isinstance(item, dict)
    )
