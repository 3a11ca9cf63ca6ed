"""One call: its attempts, the waits between them, and its end."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Callable, Mapping

from ._http import Answer, Http, Lost, NotSent, Request
from .errors import NO_ANSWER, FlashdealError

#: The first wait without a `Retry-After`, and the longest, in seconds.
FIRST_WAIT = 0.05
LONGEST_WAIT = 2.0


@dataclass(frozen=True)
class Attempt:
    """One attempt of a call, as `on_attempt` sees it."""

    #: The name of the method that was called: `"reserve"`.
    operation: str
    #: 1 for the first, 2 for the first repeat.
    number: int
    #: The status that was answered; `None` if no answer came.
    status: int | None
    #: From sending to having read the answer, in seconds.
    took: float


@dataclass(frozen=True)
class Call:
    """What is sent, the same in every attempt."""

    operation: str
    request: Request
    #: Whether doing it twice is doing it once.
    repeatable: bool


@dataclass(frozen=True)
class Limits:
    """How long one tries."""

    attempts: int
    attempt_time: float
    total_time: float


class Sender:
    def __init__(self, http: Http, limits: Limits, on_attempt: Callable[[Attempt], None] | None) -> None:
        self.http = http
        self.limits = limits
        self._on_attempt = on_attempt

    def send(self, call: Call) -> Answer:
        """The answer of success. Raises what became of the last attempt."""
        begun = time.monotonic()
        number = 1
        while True:
            failed, again = self._attempt(call, number, self.limits.total_time - (time.monotonic() - begun))
            if isinstance(failed, Answer):
                return failed
            if not again or number >= self.limits.attempts:
                raise failed
            wait = wait_after(failed, number, random.random())
            if wait >= self.limits.total_time - (time.monotonic() - begun):
                raise failed
            time.sleep(wait)
            number += 1

    def _attempt(self, call: Call, number: int, left: float) -> tuple[Answer | FlashdealError, bool]:
        """What became of it, and whether to do it again is safe and may help."""
        begun = time.monotonic()
        answer: Answer | None = None
        try:
            within = min(left, self.limits.attempt_time)
            answer = self.http.exchange(call.request, within, fresh=not call.repeatable)
        except NotSent as error:
            return _no_answer(error, number), True
        except Lost as error:
            return _no_answer(error, number), call.repeatable
        finally:
            if self._on_attempt is not None:
                status = None if answer is None else answer.status
                self._on_attempt(Attempt(call.operation, number, status, time.monotonic() - begun))
        if 200 <= answer.status < 300:
            return answer, False
        failed = refused(answer, number)
        return failed, is_worth_repeating(failed, call)


def refused(answer: Answer, attempts: int) -> FlashdealError:
    """The error that an answer of failure is."""
    retry_after = read_retry_after(answer.headers)
    return FlashdealError.refused(answer.status, answer.content, retry_after=retry_after, attempts=attempts)


def _no_answer(error: OSError, attempts: int) -> FlashdealError:
    failed = FlashdealError(NO_ANSWER, f"no answer from the server (attempt {attempts}): {error}", attempts=attempts)
    failed.__cause__ = error
    return failed


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """In seconds; a date is taken as if there were none."""
    text = headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.isdigit() else None


def is_worth_repeating(failed: FlashdealError, call: Call) -> bool:
    if failed.status == 429:
        # Turned away before anything was done.
        return True
    if failed.status in (502, 503, 504):
        return call.repeatable
    return failed.code == "checkout_in_progress" and call.operation == "checkout"


def wait_after(failed: FlashdealError, number: int, chance: float) -> float:
    """How many seconds to wait after this attempt; `chance` is from 0 to 1."""
    if failed.retry_after is not None:
        # Never earlier, and a little later by chance: whoever was turned away together must not come back together.
        return failed.retry_after * (1 + chance / 4)
    return min(FIRST_WAIT * (1 << min(number - 1, 10)), LONGEST_WAIT) * (1 - chance / 2)
