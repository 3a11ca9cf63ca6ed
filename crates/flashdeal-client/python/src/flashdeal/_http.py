"""One exchange with the server, over connections that are kept, and never longer than its deadline."""

from __future__ import annotations

import http.client
import io
import selectors
import socket
import ssl
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any, Mapping, cast
from urllib.parse import urlsplit

#: The longest answer that is read, in bytes: a page of a hundred products with the longest descriptions, and some.
MAX_ANSWER = 4 * 1024 * 1024
#: How many quiet connections are kept, and for how many seconds: the server closes them after fifteen.
MAX_IDLE = 16
IDLE_TIME = 10.0


class NotSent(OSError):
    """There was no connection: the server has seen nothing of the request."""


class Lost(OSError):
    """No answer came, or not in time: nobody knows what the server did."""


@dataclass(frozen=True)
class Request:
    """What is sent."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class _Line:
    """A socket on which nothing lasts longer than until the deadline, which can be moved."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.deadline = 0.0

    def be_quick(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        self.sock.settimeout(left)

    def sendall(self, content: bytes) -> None:
        self.be_quick()
        self.sock.sendall(content)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self))

    def close(self) -> None:
        self.sock.close()

    def is_quiet(self) -> bool:
        """Whether the other side has neither said something nor hung up."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.sock, selectors.EVENT_READ)
            return not selector.select(0)


class _Incoming(io.RawIOBase):
    def __init__(self, line: _Line) -> None:
        self._line = line
        # As a file of the socket's it keeps the socket open until both are closed.
        self._raw = line.sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._line.be_quick()
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Connection(http.client.HTTPConnection):
    auto_open = 0

    def __init__(self, host: str, port: int, line: _Line) -> None:
        super().__init__(host, port)
        self.line = line
        self.sock = cast(socket.socket, line)
        self.idle_since = 0.0


class Stream:
    """An answer that goes on."""

    def __init__(self, connection: _Connection, response: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._response = response

    def read_line(self, within: float, limit: int) -> bytes:
        """The next line with its end; empty at the end. Raises `Lost` if it takes longer than `within` seconds."""
        self._connection.line.deadline = time.monotonic() + within
        try:
            return self._response.readline(limit)
        except (OSError, ValueError, AttributeError, http.client.HTTPException) as error:
            # The last two: somebody closed it meanwhile.
            raise Lost(str(error)) from error

    def close(self) -> None:
        """Ends it; a `read_line` that waits in another thread ends, too."""
        try:
            self._connection.line.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._connection.close()
        self._response.close()


class Http:
    """Connections to one server. May be used by many threads at once."""

    def __init__(self, base_url: str, headers: Mapping[str, str], tls: ssl.SSLContext | None) -> None:
        """Raises `ValueError` unless the URL is like http://127.0.0.1:8080 or https://shop.example/deals."""
        url = urlsplit(base_url.strip())
        if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment or url.username:
            raise ValueError(f"{base_url!r} is no base URL: it must be like http://127.0.0.1:8080 or https://shop.example")
        self.base_url = f"{url.scheme}://{url.netloc}{url.path.rstrip('/')}"
        self._host = url.hostname
        self._port = url.port or (443 if url.scheme == "https" else 80)
        self._path = url.path.rstrip("/")
        self._headers = {"Host": url.netloc, **headers}
        self._tls = (tls or ssl.create_default_context()) if url.scheme == "https" else None
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()

    def exchange(self, request: Request, within: float, *, fresh: bool) -> Answer:
        """Sends a request and reads its answer, in at most `within` seconds.

        With `fresh`, over a connection of its own: one that was kept may have been closed by the server at this very
        moment, and then nobody knows. Raises `NotSent` or `Lost`.
        """
        deadline = time.monotonic() + within
        connection, response = self._begin(request, deadline, fresh=fresh)
        try:
            content = response.read(min(MAX_ANSWER + 1, sys.maxsize if response.length is None else response.length))
            # A cut answer is none. One that is too long will not parse: that is the error the caller gets.
            if len(content) <= MAX_ANSWER and response.length:
                raise Lost("the connection ended within the answer")
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Lost(str(error)) from error
        answer = Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)
        if response.isclosed() and connection.sock is not None:
            self._keep(connection)
        else:
            connection.close()
        return answer

    def open(self, request: Request, within: float) -> Stream | Answer:
        """Sends a request whose answer goes on; an `Answer` unless its status is 200. Raises `NotSent` or `Lost`."""
        connection, response = self._begin(request, time.monotonic() + within, fresh=True)
        if response.status == 200:
            return Stream(connection, response)
        try:
            content = response.read(MAX_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            raise Lost(str(error)) from error
        finally:
            connection.close()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)

    def close(self) -> None:
        """Closes the connections that are quiet."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _begin(
        self, request: Request, deadline: float, *, fresh: bool
    ) -> tuple[_Connection, http.client.HTTPResponse]:
        connection = (None if fresh else self._kept()) or self._connect(deadline)
        connection.line.deadline = deadline
        try:
            headers = {**self._headers, **request.headers}
            connection.request(request.method, request.target, body=request.body, headers=headers)
            return connection, connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Lost(str(error) or type(error).__name__) from error
        except BaseException:
            connection.close()
            raise

    def target(self, path: str) -> str:
        """A path of the API, below that of the base URL."""
        return f"{self._path}/api/{path}"

    def _kept(self) -> _Connection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if time.monotonic() - connection.idle_since < IDLE_TIME and connection.line.is_quiet():
                return connection
            connection.close()

    def _keep(self, connection: _Connection) -> None:
        connection.idle_since = time.monotonic()
        with self._lock:
            if len(self._idle) < MAX_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _connect(self, deadline: float) -> _Connection:
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise NotSent(str(error)) from error
        reason: OSError = NotSent("the host has no address")
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            line = _Line(sock)
            line.deadline = deadline
            try:
                line.be_quick()
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._tls is not None:
                    line.be_quick()
                    line.sock = self._tls.wrap_socket(sock, server_hostname=self._host)
                return _Connection(self._host, self._port, line)
            except OSError as error:
                line.close()
                reason = error
        raise NotSent(str(reason)) from reason
