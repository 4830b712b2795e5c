"""A small HTTP server on this machine that answers as a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """An answer.

    Attributes:
        body: JSON, or bytes as they are.
        status: Its number.
        headers: Beside what is always there.
        cut: How many bytes are promised and not sent.
        wait: Called before it is sent.
    """

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    wait: Callable[[], object] = lambda: None
    kind: str = "application/json; charset=utf-8"

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Server:
    """What is asked, and what is answered.

    Attributes:
        asked: Path and headers of each request, in order.
    """

    def __init__(self, answer: Callable[[str, dict[str, str]], Reply | None]) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(handler) -> None:  # noqa: N805 - as the base class has it
                headers = {name.lower(): value for name, value in handler.headers.items()}
                with lock:
                    self.asked.append((handler.path, headers))
                reply = answer(handler.path, headers)
                if reply is None:  # nothing at all
                    handler.close_connection = True
                    handler.connection.close()
                    return
                reply.wait()
                handler.send_response(reply.status)
                if reply.kind:
                    handler.send_header("Content-Type", reply.kind)
                handler.send_header("Content-Length", str(len(reply.data) + reply.cut))
                for name, value in reply.headers.items():
                    handler.send_header(name, value)
                handler.end_headers()
                if reply.status != 304:
                    handler.wfile.write(reply.data)
                if reply.cut:
                    handler.close_connection = True

            def log_message(handler, *_: object) -> None:  # noqa: N805 - silent
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """A client that went away is no news."""

        self._http = Quiet(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@contextmanager
def serving(answer: Callable[[str, dict[str, str]], Reply | None]):
    """Serve until the end of the block."""
    server = Server(answer)
    try:
        yield server
    finally:
        server.close()
