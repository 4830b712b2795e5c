"""The recording proxy: what is allowed goes out and is digested, all else has no way."""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from greenlight.execution.attempts import Scope
from greenlight.execution.confined import Confined
from greenlight.execution.proxy.authority import Authority
from greenlight.execution.proxy.recording import Destination, Exchange
from greenlight.execution.steps import StepResult, StepSpec
from greenlight.execution.workspace import Workspace
from greenlight.model.documents.exchanges import ExchangeKind, ExchangeOutcome
from tests.tools import need, need_box

ANSWER = b"an answer\n" * 1000


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404 if "missing" in self.path else 200)
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.end_headers()
        self.wfile.write(body[::-1])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def _box() -> None:
    need_box()
    need("/usr/bin/python3")


def served(context: ssl.SSLContext | None) -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def plain() -> Iterator[int]:
    yield from served(None)


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    yield from served(authority.context("localhost"))


def run(tmp_path: Path, script: str, *allowed: Destination) -> tuple[StepResult, list[Exchange]]:
    spec = StepSpec(
        ("/usr/bin/python3", "-c", f"import urllib.request as r, urllib.error\n{script}"),
        scope=Scope(("**",), destinations=allowed),
        timeout_seconds=30,
    )
    with Workspace.create(tmp_path) as workspace:
        result = Confined.here().run(spec, workspace)
    assert result.exchanges is not None
    return result, list(result.exchanges.rows())


def test_a_request_is_forwarded_and_digested(tmp_path: Path, plain: int) -> None:
    script = f"print(len(r.urlopen('http://localhost:{plain}/a/b?token=1').read()))"
    result, (exchange,) = run(tmp_path, script, Destination("localhost", plain))
    assert result.stdout == b"10000\n", result.stderr
    assert exchange == Exchange(
        ExchangeKind.HTTP,
        "localhost",
        plain,
        "GET",
        "/a/b",
        200,
        0,
        len(ANSWER),
        f"sha256:{hashlib.sha256(b'').hexdigest()}",
        f"sha256:{hashlib.sha256(ANSWER).hexdigest()}",
    )
    assert result.attempts is not None
    assert not [each for each in result.attempts.counts if each.kind == "network"]


def test_a_body_goes_out(tmp_path: Path, plain: int) -> None:
    script = f"print(r.urlopen('http://localhost:{plain}/', data=b'abc').read())"
    result, (exchange,) = run(tmp_path, script, Destination("LOCALHOST", plain))
    assert result.stdout == b"b'cba'\n"
    assert (exchange.method, exchange.status, exchange.sent) == ("POST", 201, 3)
    assert exchange.request == f"sha256:{hashlib.sha256(b'abc').hexdigest()}"


def test_what_is_not_allowed_is_refused_and_told(tmp_path: Path, plain: int) -> None:
    script = (
        "for u in ('http://other.example/x', 'http://localhost:1/', 'https://localhost:2/'):\n"
        "  try: r.urlopen(u)\n  except OSError as e: print(e)\n"
        "import socket\n"
        f"try: socket.create_connection(('127.0.0.1', {plain}), 2)\n"
        "except OSError as e: print(e.errno)"
    )
    result, exchanges = run(tmp_path, script, Destination("localhost", plain))
    assert {each.outcome for each in exchanges} == {ExchangeOutcome.REFUSED}
    assert result.stdout.count(b"403") == 3
    assert result.stdout.endswith(b"101\n")
    assert result.attempts is not None
    denied = {each.target for each in result.attempts.counts if each.outcome == "denied"}
    assert denied == {
        "other.example:80",
        "localhost:1",
        "localhost:2",
        f"127.0.0.1:{plain}",
    }


def test_a_destination_that_does_not_answer(tmp_path: Path) -> None:
    script = "try: r.urlopen('http://localhost:1/')\nexcept urllib.error.HTTPError as e: print(e)"
    result, (exchange,) = run(tmp_path, script, Destination("localhost", 1))
    assert b"502" in result.stdout
    assert exchange.outcome is ExchangeOutcome.FAILED


TLS = (
    "import ssl\n"
    "c = ssl.create_default_context()\n"
    "{}"
    "print(len(r.urlopen('https://localhost:{}/x?y', context=c).read()))"
)


def test_a_tunnel_is_counted_and_not_looked_into(tmp_path: Path, secure: int) -> None:
    loose = "c.check_hostname = False; c.verify_mode = ssl.CERT_NONE\n"
    result, (exchange,) = run(tmp_path, TLS.format(loose, secure), Destination("localhost", secure))
    assert result.stdout == b"10000\n", result.stderr
    assert (exchange.kind, exchange.method, exchange.response) == (ExchangeKind.TUNNEL, "", "")
    assert exchange.received > len(ANSWER)
    assert exchange.sent > 100


def test_what_is_intercepted_is_looked_into(tmp_path: Path, secure: int) -> None:
    """The step trusts an authority that lives and dies with its box; the proxy the real one."""
    wanted = Destination("localhost", secure, intercept=True)
    result, (exchange,) = run(tmp_path, TLS.format("", secure), wanted)
    assert result.stdout == b"10000\n", result.stderr
    assert (exchange.kind, exchange.method, exchange.path, exchange.status) == (
        ExchangeKind.INTERCEPTED,
        "GET",
        "/x",
        200,
    )
    assert exchange.response == f"sha256:{hashlib.sha256(ANSWER).hexdigest()}"


def test_a_forged_destination_is_not_believed(
    tmp_path: Path, secure: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    script = f"try:\n  {TLS.format('', secure).splitlines()[-1]}\nexcept OSError as e: print(e)"
    script = f"import ssl\nc = ssl.create_default_context()\n{script}"
    wanted = Destination("localhost", secure, intercept=True)
    result, (exchange,) = run(tmp_path, script, wanted)
    assert b"502" in result.stdout
    assert exchange.outcome is ExchangeOutcome.FAILED


def test_rubbish_is_answered_and_nothing_hangs(tmp_path: Path) -> None:
    script = (
        "import socket\n"
        "for d in (b'', b'\\0' * 99, b'GET\\r\\n\\r\\n', b'CONNECT x\\r\\n\\r\\n',"
        " b'GET ftp://a/ HTTP/1.1\\r\\n\\r\\n', b'CONNECT a:99999999 HTTP/1.1\\r\\n\\r\\n',"
        " b'POST http://localhost:1/ HTTP/1.1\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n'):\n"
        "  s = socket.create_connection(('127.0.0.1', 3128), 5)\n"
        "  s.sendall(d); s.shutdown(1); print(len(s.recv(9999)) < 9999)\n"
    )
    result, exchanges = run(tmp_path, script, Destination("localhost", 1))
    assert result.stdout == b"True\n" * 7, result.stderr
    assert {each.outcome for each in exchanges} <= {ExchangeOutcome.REFUSED, ExchangeOutcome.FAILED}
