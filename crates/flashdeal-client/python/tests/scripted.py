"""A server on the loopback that answers what each test scripts, and keeps what it was asked."""

from __future__ import annotations

import json
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any, BinaryIO, Union

from flashdeal import Client

PRODUCT = "01890a5d-ac96-774b-bcce-b302099a8057"
HOLD = """{"reservationId":"01890a5d-ac96-774b-bcce-b302099a8058","productId":"01890a5d-ac96-774b-bcce-b302099a8057",
    "userId":"ada","quantity":2,"expiresAt":"2026-11-22T12:00:00.123Z"}"""
ORDER = """{"orderId":"01890a5d-ac96-774b-bcce-b302099a8059","reservationId":"01890a5d-ac96-774b-bcce-b302099a8058",
    "productId":"01890a5d-ac96-774b-bcce-b302099a8057","userId":"ada","quantity":1000000,"unitPrice":9999999999.99,
    "total":9999999999990000.00,"createdAt":"2026-11-22T12:00:00.000Z"}"""
WAITS = """{"productId":"01890a5d-ac96-774b-bcce-b302099a8057","userId":"ada","quantity":2,"called":false,
    "joinedAt":"2026-11-22T12:00:00.000Z","ahead":7}"""
PHONE = """{"id":"01890a5d-ac96-774b-bcce-b302099a8057","name":"Phone \\"price\\":1.5","description":"","price":0.10,
    "totalStock":200,"reservedStock":3,"availableStock":197,"createdAt":"2026-11-22T12:00:00.000Z"}"""


@dataclass(frozen=True)
class Say:
    """Answers."""

    status: int
    body: str
    headers: str = ""
    #: Says so much more than it sends.
    withheld: int = 0


@dataclass(frozen=True)
class Stream:
    """Answers with events, and then hangs up, or says nothing more."""

    events: str
    stays: bool = False


@dataclass(frozen=True)
class HangUp:
    """Hangs up after having read the request: nobody knows what it did."""


@dataclass(frozen=True)
class Sleep:
    """Never answers."""


Then = Union[Say, Stream, HangUp, Sleep]


def problem(status: int, code: str, headers: str = "", **further: Any) -> Say:
    body = {"status": status, "code": code, "detail": "Told.", "requestId": "r-7", **further}
    return Say(status, json.dumps(body), headers)


@dataclass(frozen=True)
class Seen:
    """A request as it came, and when."""

    line: str
    headers: dict[str, str]
    body: str
    at: float


class Scripted:
    """One step of the script for each request; after the script nothing is answered. Connections are kept."""

    def __init__(self, *script: Then) -> None:
        self.seen: list[Seen] = []
        self.connections = 0
        self._script = list(script)
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._clients: list[Client] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Scripted:
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone does not wake who accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self._open:
            peer.close()
        for client in self._clients:
            client.close()

    def client(self, path: str = "", **settings: Any) -> Client:
        """A client of it, closed along with it; so patient that a busy machine makes no difference."""
        patient: dict[str, Any] = {"attempt_time": 60, "total_time": 300}
        client = Client(self.url + path, **{**patient, **settings})
        self._clients.append(client)
        return client

    def hang_up(self) -> None:
        """Ends all connections."""
        for peer in self._open:
            peer.shutdown(socket.SHUT_RDWR)

    def keys(self) -> list[str]:
        return [seen.headers["idempotency-key"] for seen in self.seen]

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        try:
            with peer.makefile("rb") as incoming:
                while self._answer(peer, incoming.readline().decode(), incoming):
                    pass
        except OSError:
            pass

    def _answer(self, peer: socket.socket, line: str, incoming: BinaryIO) -> bool:
        """Whether the connection goes on."""
        if not line:
            return False
        headers = {}
        for header in iter(lambda: incoming.readline().decode().strip(), ""):
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        body = incoming.read(int(headers.get("content-length", "0"))).decode()
        with self._lock:
            self.seen.append(Seen(line.strip(), headers, body, time.monotonic()))
            then = self._script.pop(0) if self._script else Sleep()
        if isinstance(then, Say):
            length = len(then.body.encode()) + then.withheld
            head = f"HTTP/1.1 {then.status} X\r\n{then.headers}content-length: {length}\r\n\r\n"
            peer.sendall((head + then.body).encode())
            if not then.withheld:
                return True
        elif isinstance(then, Stream):
            head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            events = then.events.encode()
            # In two chunks, so that an event may be cut anywhere.
            chunks = [chunk for chunk in (events[: len(events) // 2], events[len(events) // 2 :]) if chunk]
            peer.sendall(head.encode() + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks))
        if isinstance(then, Sleep) or (isinstance(then, Stream) and then.stays):
            return False
        peer.shutdown(socket.SHUT_RDWR)
        return False
