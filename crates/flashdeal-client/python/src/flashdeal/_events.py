"""Live stock: server-sent events, over as many connections as it takes."""

from __future__ import annotations

import random
import threading
import time
from typing import Iterator, Mapping

from ._http import Answer, Http, Lost, NotSent, Request, Stream
from ._json import parse
from ._sending import Call, is_worth_repeating, refused, wait_after
from .errors import NO_ANSWER, UNREADABLE_ANSWER, FlashdealError
from .models import StockEvent, read_event

#: A quiet stream says something every 15 seconds: one that is silent for longer than this is dead.
SILENCE = 45.0
#: The longest line that is read, in bytes.
MAX_LINE = 64 * 1024
#: The longest wait before the next connection, in seconds.
LONGEST_PAUSE = 10.0


class Watch:
    """The events of `Client.watch`: an endless iterator, and a context manager that closes it.

    A lost connection is opened again with the last event's id, so that what was seen is not told again. Iterating raises
    `FlashdealError` if the server refuses, or if there was no connection for as long as `patience` says.
    """

    def __init__(
        self,
        http: Http,
        target: str,
        headers: Mapping[str, str],
        *,
        last_event_id: str | None,
        patience: float,
        attempt_time: float,
    ) -> None:
        #: Of the last event that came: to go on later, in another watch.
        self.last_event_id = last_event_id
        self._http = http
        self._target = target
        self._headers = headers
        self._patience = patience
        self._attempt_time = attempt_time
        self._pause = 1.0
        self._stream: Stream | None = None
        self._closed = threading.Event()
        self._events = self._all()

    def __iter__(self) -> Watch:
        return self

    def __next__(self) -> StockEvent:
        return next(self._events)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends it, also from another thread: the iteration stops."""
        self._closed.set()
        if self._stream is not None:
            self._stream.close()

    def _all(self) -> Iterator[StockEvent]:
        while not self._closed.is_set():
            stream = self._connected()
            if stream is None:
                return
            try:
                self._stream = stream
                if not self._closed.is_set():
                    yield from self._of(stream)
            except Lost:
                pass
            finally:
                stream.close()
            self._closed.wait(min(self._pause, LONGEST_PAUSE) * (1 - random.random() / 2))

    def _connected(self) -> Stream | None:
        """A new connection, however many attempts it takes until patience ends; `None` if it was closed meanwhile."""
        end = time.monotonic() + self._patience
        number = 0
        while True:
            number += 1
            headers = dict(self._headers)
            if self.last_event_id:
                headers["Last-Event-ID"] = self.last_event_id
            request = Request("GET", self._target, headers, None)
            try:
                opened = self._http.open(request, max(0.001, min(self._attempt_time, end - time.monotonic())))
                if isinstance(opened, Stream):
                    return opened
                failed = self._failed(opened, number, request)
            except (NotSent, Lost) as error:
                failed = FlashdealError(NO_ANSWER, f"no events from the server: {error}", attempts=number)
                failed.__cause__ = error
            wait = wait_after(failed, number, random.random())
            if wait >= end - time.monotonic():
                raise failed
            if self._closed.wait(wait):
                return None

    @staticmethod
    def _failed(answer: Answer, number: int, request: Request) -> FlashdealError:
        failed = refused(answer, number)
        if is_worth_repeating(failed, Call("watch", request, repeatable=True)):
            return failed
        raise failed

    def _of(self, stream: Stream) -> Iterator[StockEvent]:
        event_id, kind, data = "", "", []
        while True:
            line = stream.read_line(SILENCE, MAX_LINE)
            if not line.endswith(b"\n"):
                # The end, or no line of ours: what was not finished by an empty line is dropped.
                return
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            name, _, value = text.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if name == "id":
                event_id = value
            elif name == "event":
                kind = value
            elif name == "data":
                data.append(value)
            elif name == "retry" and value.isascii() and value.isdigit():
                self._pause = int(value[:9]) / 1000
            elif not text:
                if data and kind == "stock":
                    event = self._read("\n".join(data), event_id)
                    self.last_event_id = event_id
                    yield event
                event_id, kind, data = "", "", []

    @staticmethod
    def _read(data: str, event_id: str) -> StockEvent:
        try:
            return read_event(parse(data), event_id)
        except (KeyError, TypeError, ValueError) as error:
            detail = f"the event is not one of the flashdeal API: {error!r}"
            raise FlashdealError(UNREADABLE_ANSWER, detail, status=200) from error
