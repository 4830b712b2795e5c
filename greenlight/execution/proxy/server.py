"""The proxy itself: plain HTTP is forwarded and digested, CONNECT is tunnelled and counted.

It forwards one request a connection.  What it does not know it refuses; what a destination
answers is handed on as it comes, and digested on the way.  Names are looked up out here.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import selectors
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from typing import IO, Any, Final
from urllib.parse import urlsplit

from greenlight.execution.proxy.authority import Authority
from greenlight.execution.proxy.recording import MAX_PATH, Destination, Exchange, Recording
from greenlight.model.documents.exchanges import ExchangeKind, ExchangeOutcome

_SECONDS: Final = 60.0  # that a destination may be silent
_AFTER: Final = 10.0  # that one side of a tunnel is waited for when the other has ended
_PIECE: Final = 65_536
_MAX_BODY: Final = 1 << 30
# Of one hop alone (RFC 9110, 7.6.1): what they say is between the step and the proxy.
_HOP: Final = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip


class Proxy:
    """Serves one box until it is closed.

    Args:
        listener: A listening socket of the box.
        allowed: Where it may connect to.
        authority: Signs for what is intercepted; None where nothing is.
    """

    def __init__(
        self, listener: socket.socket, allowed: Sequence[Destination], authority: Authority | None
    ) -> None:
        self.recording = Recording()
        self._server = _Server(listener, self)
        self._allowed = {(each.host.lower(), each.port): each for each in allowed}
        self.authority = authority
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.daemon = True
        self._thread.start()

    def find(self, host: str, port: int) -> Destination | None:
        """Return what the lane says of a destination; None where it does not allow it."""
        return self._allowed.get((host.lower().rstrip("."), port))

    def close(self) -> Recording:
        """Stop serving, and return what went through."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_SECONDS)
        return self.recording


class _Server(ThreadingMixIn, HTTPServer):
    daemon_threads = True
    block_on_close = True

    def __init__(self, listener: socket.socket, proxy: Proxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.proxy = proxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a step that goes away in the middle is no error of ours."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _SECONDS
    server: _Server
    inside: Destination | None = None  # once a tunnel is looked into

    def log_message(self, *_: object) -> None:
        """Write nothing to a terminal: what there is to say is recorded."""

    def version_string(self) -> str:
        return "greenlight"

    # --- CONNECT

    def do_CONNECT(self) -> None:
        """Open a tunnel."""
        host, _, port = self.path.rpartition(":")
        host = host.strip("[]")
        number = int(port) if port.isdigit() else 0
        exchange = Exchange(ExchangeKind.TUNNEL, host[:255] or "?", number)
        found = self.server.proxy.find(host, number)
        self.close_connection = True
        if found is None:
            self._refuse(exchange)
        elif found.intercept and self.server.proxy.authority is not None:
            self._look_into(found, self.server.proxy.authority)
        else:
            self._tunnel(exchange)

    def _tunnel(self, exchange: Exchange) -> None:
        try:
            there = socket.create_connection((exchange.host, exchange.port), _SECONDS)
        except OSError:
            self._fail(exchange)
            return
        self.send_response_only(200, "Connection established")
        self.end_headers()
        with there:
            sent, received = _pump(self.connection, there)
        self._record(replace(exchange, sent=sent, received=received))

    def _look_into(self, found: Destination, authority: Authority) -> None:
        """Be the destination to the step, and the step to the destination."""
        self.send_response_only(200, "Connection established")
        self.end_headers()
        context = authority.context(found.host)
        try:
            with context.wrap_socket(self.connection, server_side=True) as clear:
                _Inside(clear, self.client_address, self.server, found)
        except (OSError, ssl.SSLError):
            kind = ExchangeKind.INTERCEPTED
            failed = Exchange(kind, found.host, found.port, outcome=ExchangeOutcome.FAILED)
            self._record(failed)

    # --- requests

    def _forward(self) -> None:
        self.close_connection = True
        inside = self.inside
        if inside is not None:
            parts = urlsplit(f"//{inside.host}{self.path}")
            host, port, kind = inside.host, inside.port, ExchangeKind.INTERCEPTED
        else:
            parts = urlsplit(self.path)
            host, kind = parts.hostname or "", ExchangeKind.HTTP
            try:
                port = parts.port or 80
            except ValueError:
                port = 0
        path = parts.path or "/"
        exchange = Exchange(
            kind, host[:255] or "?", port, (self.command or "")[:32], path[:MAX_PATH]
        )
        if inside is None and (parts.scheme != "http" or not self.server.proxy.find(host, port)):
            self._refuse(exchange)
            return
        try:
            body = self._body()
        except ValueError:
            self._fail(exchange)
            return
        target = f"{path}?{parts.query}" if parts.query else path
        self._exchange(exchange, target, body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _forward  # noqa: N815

    def _body(self) -> bytes:
        """Return the request's body.

        Raises:
            ValueError: It is too long, or its end is not told by its length.
        """
        if self.headers.get("Transfer-Encoding"):
            raise ValueError("a body without a length")
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= _MAX_BODY:
            raise ValueError("too long")
        return self.rfile.read(length) if length else b""

    def _exchange(self, exchange: Exchange, target: str, body: bytes) -> None:
        exchange = replace(exchange, sent=len(body), request=_digest(body))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        headers["Connection"] = "close"
        secure = exchange.kind is ExchangeKind.INTERCEPTED
        make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        there = make(exchange.host, exchange.port, timeout=_SECONDS)
        try:
            there.request(exchange.method, target, body or None, headers)
            answer = there.getresponse()
        except (OSError, http.client.HTTPException):
            there.close()
            self._fail(exchange)
            return
        hasher = hashlib.sha256()
        received = 0
        outcome = ExchangeOutcome.DONE
        try:
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            for piece in _pieces(answer):
                hasher.update(piece)
                received += len(piece)
                self.wfile.write(piece)
        except (OSError, http.client.HTTPException):
            outcome = ExchangeOutcome.FAILED
        finally:
            there.close()
        self._record(
            replace(
                exchange,
                status=answer.status,
                received=received,
                response=f"sha256:{hasher.hexdigest()}",
                outcome=outcome,
            )
        )

    # --- ends

    def _refuse(self, exchange: Exchange) -> None:
        self._record(replace(exchange, outcome=ExchangeOutcome.REFUSED))
        self._say(403, "greenlight: the lane does not allow this destination\n")

    def _fail(self, exchange: Exchange) -> None:
        self._record(replace(exchange, outcome=ExchangeOutcome.FAILED))
        self._say(502, "greenlight: the destination did not answer\n")

    def _say(self, status: int, text: str) -> None:
        with contextlib.suppress(OSError):
            self.send_response_only(status)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(text)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(text.encode("ascii"))

    def _record(self, exchange: Exchange) -> None:
        self.server.proxy.recording.add(exchange)


class _Inside(_Handler):
    """What is said in a tunnel that is looked into."""

    def __init__(
        self, request: ssl.SSLSocket, address: Any, server: _Server, inside: Destination
    ) -> None:
        self.inside = inside
        super().__init__(request, address, server)


def _pieces(answer: IO[bytes]) -> Iterator[bytes]:
    while piece := answer.read(_PIECE):
        yield piece


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _pump(here: socket.socket, there: socket.socket) -> tuple[int, int]:
    """Carry bytes both ways until both have ended; return how many went out and came in."""
    counts = {here: 0, there: 0}
    other = {here: there, there: here}
    with selectors.DefaultSelector() as selector, contextlib.suppress(OSError):
        for each in (here, there):
            each.settimeout(_SECONDS)
            selector.register(each, selectors.EVENT_READ)
        while selector.get_map():
            both = len(selector.get_map()) == len(counts)
            ready = selector.select(_SECONDS if both else _AFTER)
            if not ready:
                break
            for key, _ in ready:
                source = key.fileobj
                if not isinstance(source, socket.socket):
                    continue
                data = source.recv(_PIECE)
                if data:
                    other[source].sendall(data)
                    counts[source] += len(data)
                else:
                    selector.unregister(source)
                    with contextlib.suppress(OSError):
                        other[source].shutdown(socket.SHUT_WR)
    return counts[here], counts[there]
