"""A forge that answers badly: one clear line each, and never "absent"."""

from __future__ import annotations

import gzip
import socket
import time
from contextlib import suppress
from itertools import count
from threading import Thread

import pytest

from greenlight.codes import Code
from greenlight.errors import StoreError, UsageError
from greenlight.forge import client
from greenlight.forge.client import Forge
from tests.forge.server import Reply, serving

TOKEN = "ghp_secret0000"  # noqa: S105 - of nobody
HTML = Reply(b"<html>login</html>", kind="text/html")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(client, "_WAIT_SECONDS", 0.001)


def ask(answer, *path, seconds=20.0):
    with serving(answer) as server, Forge(server.base, TOKEN, seconds) as forge:
        return forge.get(*(path or ("x",))), server


def refused(answer, seconds=20.0):
    with serving(answer) as server, Forge(server.base, TOKEN, seconds) as forge:
        with pytest.raises(StoreError) as caught:
            forge.get("repos", "x")
        assert TOKEN not in str(caught.value)
        assert "\n" not in str(caught.value)
        return caught.value.code, len(server.asked)


def test_what_is_asked():
    """Segments are escaped, the token goes in its header, and what came is read."""
    value, server = ask(lambda _path, _headers: Reply({"a": 1}), "repos", "a/b", "c d?")
    assert value == {"a": 1}
    ((path, headers),) = server.asked
    assert path == "/repos/a%2Fb/c%20d%3F"
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["x-github-api-version"] == "2022-11-28"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply({"message": "Bad credentials"}, 401), Code.FORGE_UNAUTHORIZED),
        (Reply({"message": "Resource not accessible"}, 403), Code.FORGE_FORBIDDEN),
        (Reply({"message": "Not Found"}, 404), Code.FORGE_NOT_FOUND),
        (Reply({"message": "Gone"}, 410), Code.FORGE_FAILED),
        (Reply({"message": "no"}, 422), Code.FORGE_FAILED),
        (Reply(b"", 204), Code.FORGE_FAILED),
        (Reply({}, 301, {"Location": "https://evil.example/"}), Code.FORGE_REDIRECT),
        (Reply({}, 302, {"Location": "/login"}), Code.FORGE_REDIRECT),
        (HTML, Code.FORGE_NOT_JSON),
        (Reply(b"{}", kind=""), Code.FORGE_NOT_JSON),
        (Reply(b"", kind="application/json"), Code.FORGE_NOT_JSON),
        (Reply(b'{"a": [1,'), Code.FORGE_TRUNCATED),
        (Reply(b"[" * 100_000), Code.FORGE_TRUNCATED),
        (Reply(b"x" * 9_000_000), Code.FORGE_TOO_LARGE),
    ],
)
def test_answers_that_are_none(reply, code):
    """Each with its code, asked once: nothing would be better the next time."""
    assert refused(lambda _path, _headers: reply) == (code, 1)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply({"message": "oops"}, 500), Code.FORGE_FAILED),
        (Reply(b"<html>", 502, kind="text/html"), Code.FORGE_FAILED),
        (Reply({"message": "API rate limit exceeded"}, 403), Code.FORGE_RATE_LIMITED),
        (Reply({"message": "slow down"}, 429), Code.FORGE_RATE_LIMITED),
        (Reply({"a": 1}, cut=10), Code.FORGE_TRUNCATED),
        (None, Code.FORGE_UNREACHABLE),
    ],
)
def test_answers_that_may_be_better(reply, code):
    """Asked again, and again, and then given up."""
    assert refused(lambda _path, _headers: reply) == (code, client.ATTEMPTS)


def test_better_the_third_time():
    """A forge that comes back is heard."""
    number = count()
    value, server = ask(
        lambda _path, _headers: Reply({"a": 1}) if next(number) > 1 else Reply({}, 503)
    )
    assert (value, len(server.asked)) == ({"a": 1}, 3)


def test_a_wait_that_is_asked_for():
    """It is kept where there is time, and given up at once where there is none."""
    number = count()

    def answer(_path, _headers):
        late = {"Retry-After": "1"}
        return Reply({"a": 1}) if next(number) else Reply({"message": "x"}, 429, late)

    began = time.monotonic()
    value, _ = ask(answer)
    assert value == {"a": 1}
    assert time.monotonic() - began >= 1.0
    long = Reply({"message": "x"}, 403, {"Retry-After": "3600"})
    assert refused(lambda _path, _headers: long) == (Code.FORGE_RATE_LIMITED, 1)
    reset = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + 3600)}
    exhausted = Reply({"message": "x"}, 403, reset)
    assert refused(lambda _path, _headers: exhausted) == (Code.FORGE_RATE_LIMITED, 1)


def test_one_that_hangs():
    """All of it has one deadline."""
    slow = Reply({}, wait=lambda: time.sleep(5))
    began = time.monotonic()
    code, _ = refused(lambda _path, _headers: slow, seconds=0.5)
    assert code is Code.FORGE_TIMED_OUT
    assert time.monotonic() - began < 4


def test_nobody_there():
    """A port that nobody listens on."""
    with serving(lambda _path, _headers: Reply({})) as server:
        base = server.base
    with Forge(base, TOKEN, 20.0) as forge, pytest.raises(StoreError) as caught:
        forge.get("x")
    assert caught.value.code is Code.FORGE_UNREACHABLE


@pytest.mark.parametrize(
    "base",
    ["http://example.org", "ftp://x", "https://", "", "https://u@x", "https://x?y=1", "x", "file:///"],
)  # fmt: skip
def test_addresses(base):
    """The token goes over https alone, but for this machine."""
    with pytest.raises(UsageError):
        Forge(base, TOKEN)


@pytest.mark.parametrize("token", ["", "a\n", "a b", "é", "x" * 5000])
def test_tokens(token):
    """One that no header can carry is refused before it is shown anywhere."""
    with pytest.raises(UsageError) as caught:
        Forge("https://x", token)
    assert token == "" or token not in str(caught.value)


def test_one_that_sends_the_token_back():
    """It is not shown."""
    echo = Reply({"message": f"{TOKEN} is bad"}, 401)
    assert refused(lambda _path, _headers: echo)[0] is Code.FORGE_UNAUTHORIZED


def test_what_unfolds():
    """A small answer that is large when it is decoded."""
    bomb = Reply(gzip.compress(b"[" + b" " * 50_000_000 + b"]"), 200, {"Content-Encoding": "gzip"})
    assert refused(lambda _path, _headers: bomb) == (Code.FORGE_NOT_JSON, 1)


def test_one_that_drips(monkeypatch):
    """A header every now and then keeps each read alive, and not the whole."""
    monkeypatch.setattr(client, "_GRACE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip():
            with suppress(OSError):
                connection, _ = listening.accept()
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                for number in range(200):
                    connection.sendall(b"X-%d: y\r\n" % number)
                    time.sleep(0.1)

        Thread(target=drip, daemon=True).start()
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        began = time.monotonic()
        with Forge(base, TOKEN, 0.6) as forge, pytest.raises(StoreError) as caught:
            forge.get("x")
        assert caught.value.code in (Code.FORGE_TIMED_OUT, Code.FORGE_UNREACHABLE)
        assert time.monotonic() - began < 5


# --- pages


def pages(answer):
    with serving(answer) as server, Forge(server.base, TOKEN, 20.0) as forge:
        return list(forge.pages("list")), server


def linked(server_base, number, items):
    link = f'<{server_base}/list?per_page=100&page={number}>; rel="next"'
    return Reply(items, headers={"Link": link})


def test_every_page():
    """One after the other, until there is no next."""

    def answer(path, headers):
        number = int(path.partition("page=")[2].partition("page=")[2] or 1)
        base = f"http://{headers['host']}"
        return linked(base, number + 1, [number]) if number < 4 else Reply([number])

    found, server = pages(answer)
    assert found == [1, 2, 3, 4]
    assert len(server.asked) == 4


def test_a_page_elsewhere():
    """The token is not sent there."""
    other = Reply([1], headers={"Link": '<https://evil.example/list>; rel="next"'})
    with pytest.raises(StoreError) as caught:
        pages(lambda _path, _headers: other)
    assert caught.value.code is Code.FORGE_REDIRECT


def test_pages_without_end():
    """They are given up."""
    with pytest.raises(StoreError) as caught:
        pages(lambda _path, headers: linked(f"http://{headers['host']}", 2, [1]))
    assert caught.value.code is Code.FORGE_TRUNCATED


def test_a_page_that_is_no_list():
    """It is not taken for an empty one."""
    with pytest.raises(StoreError) as caught:
        pages(lambda _path, _headers: Reply({"message": "x"}))
    assert caught.value.code is Code.FORGE_NOT_JSON


def test_what_did_not_change():
    """The second time it is asked with its ETag; another body that says 304 is not believed."""

    def answer(_path, headers):
        if headers.get("if-none-match") == '"v1"':
            return Reply(b"", 304)
        return Reply({"a": 1}, headers={"ETag": '"v1"'})

    with serving(answer) as server, Forge(server.base, TOKEN, 20.0) as forge:
        assert [forge.get("x"), forge.get("x")] == [{"a": 1}, {"a": 1}]
        assert server.asked[1][1]["if-none-match"] == '"v1"'
    assert refused(lambda _path, _headers: Reply(b"", 304))[0] is Code.FORGE_FAILED
