"""Ask a forge: GET, JSON, page by page, again where that helps, within one deadline.

* Only to the origin that was named: no redirect is followed, and a next page elsewhere is refused,
  so that the token goes nowhere else.
* Again, with exponential waits and jitter, after 5xx, 429, cut connections and time-outs; a wait
  that the forge asks for is kept, as long as the deadline allows.
* What was read before is asked for with its ETag, and costs no rate where it did not change.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Lock, Timer
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

import httpx
import stamina

from greenlight import __version__
from greenlight.codes import Code
from greenlight.errors import StoreError, UsageError
from greenlight.primitives.limits import MIB
from greenlight.primitives.text import escape

GITHUB: Final = "https://api.github.com"
MAX_BYTES: Final = 8 * MIB  # of one answer
MAX_PAGES: Final = 100
ATTEMPTS: Final = 6
_SECONDS: Final = 30.0  # for one answer
_WAIT_SECONDS: Final = 0.2  # before the second try; it doubles
_GRACE_SECONDS: Final = 5.0
_TOKEN: Final = re.compile(r"[!-~]{1,4096}")
_LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_TOO_MANY, _FORBIDDEN, _UNAUTHORIZED, _NOT_FOUND, _NOT_MODIFIED = 429, 403, 401, 404, 304


# Else each wait is a warning on the user's terminal, with what was asked in it.
stamina.instrumentation.set_on_retry_hooks([])


class ForgeError(StoreError):
    """A forge that could not be read.

    Attributes:
        said: What it says is wrong, as it came; empty where it says nothing.
    """

    def __init__(self, code: Code, message: str, said: str = "") -> None:
        super().__init__(code, message)
        self.said = said


class _Again(Exception):  # noqa: N818 - internal control flow
    """What may be better the next time.

    Attributes:
        error: What to raise where it is not.
        wait: Seconds that the forge asks for, or None.
    """

    def __init__(self, error: StoreError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Page:
    """An answer.

    Attributes:
        value: Its JSON.
        following: The next page's address; empty where there is none.
    """

    value: Any
    following: str


@dataclass(slots=True)
class Forge(AbstractContextManager["Forge"]):
    """A forge that is asked.

    Attributes:
        base: Address of its API, without a slash at the end.
        seconds: How long all of it may take.
        connections: How many at once.
        requests: How many were sent.
    """

    base: str
    token: str = field(repr=False)
    seconds: float = 300.0
    connections: int = 8
    requests: int = 0
    _client: httpx.Client = field(init=False, repr=False)
    _known: dict[str, tuple[str, Page]] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)
    _deadline: float = field(init=False, repr=False)
    _end: Timer = field(init=False, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.base)
        plain = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
        if not plain or not parts.hostname or parts.query or parts.fragment or parts.username:
            raise UsageError(
                Code.USAGE, f"a forge's address is https, not {escape(self.base)[:200]!r}"
            )
        if not _TOKEN.fullmatch(self.token):
            raise UsageError(Code.USAGE, "a forge's token is letters, digits and signs of ASCII")
        self.base = self.base.rstrip("/")
        self._deadline = time.monotonic() + self.seconds
        self._client = httpx.Client(
            headers={
                "Accept": "application/vnd.github+json",
                "Accept-Encoding": "identity",  # what unfolds is not bounded by what was sent
                "Authorization": f"Bearer {self.token}",
                "User-Agent": f"greenlight/{__version__}",
                "X-GitHub-Api-Version": "2022-11-28",
            },
            follow_redirects=False,
            trust_env=parts.scheme == "https",  # proxies and certificates that people configured
            limits=httpx.Limits(max_connections=self.connections),
        )

    def __enter__(self) -> Self:
        # A server that sends a byte now and then keeps every time-out of its own: the end is ours.
        self._end = Timer(self.seconds + _GRACE_SECONDS, self._client.close)
        self._end.daemon = True
        self._end.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.cancel()
        self._client.close()

    def get(self, *path: str, **query: str) -> Any:
        """Return the JSON of one answer.

        Args:
            path: Segments below the base; each is escaped.
            query: Parameters.

        Raises:
            StoreError: FORGE_…, with the address and never the token.
        """
        return self._page(self._url(path, query)).value

    def pages(self, *path: str, **query: str) -> Iterator[Any]:
        """Yield the items of all pages of a list.

        Raises:
            StoreError: FORGE_…; FORGE_TRUNCATED: a page is no list, or there is no end of them.
        """
        url = self._url(path, {"per_page": "100"} | query)
        for _ in range(MAX_PAGES):
            page = self._page(url)
            if not isinstance(page.value, list):
                raise self._error(Code.FORGE_NOT_JSON, url, "a list was asked for, and none came")
            yield from page.value
            if not page.following:
                return
            url = page.following
        raise self._error(Code.FORGE_TRUNCATED, url, f"more than {MAX_PAGES} pages")

    def _url(self, path: tuple[str, ...], query: Mapping[str, str]) -> str:
        url = "/".join((self.base, *(quote(segment, safe="") for segment in path)))
        words = "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in query.items())
        return f"{url}?{words}" if words else url

    def _page(self, url: str) -> Page:
        try:
            for attempt in stamina.retry_context(
                on=_wait_of,
                attempts=ATTEMPTS,
                timeout=max(0.001, self._deadline - time.monotonic()),
                wait_initial=_WAIT_SECONDS,
                wait_max=10.0,
                wait_jitter=_WAIT_SECONDS,
            ):
                with attempt:
                    return self._ask(url)
        except _Again as again:
            raise again.error from again
        raise AssertionError(url)

    def _ask(self, url: str) -> Page:
        with self._lock:
            known = self._known.get(url)
            self.requests += 1
        headers = {"If-None-Match": known[0]} if known else {}
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self._error(Code.FORGE_TIMED_OUT, url, "there is no time left")
        try:
            with self._client.stream(
                "GET", url, headers=headers, timeout=min(_SECONDS, left)
            ) as answer:
                data = self._body(answer, url)
        except httpx.TimeoutException as error:
            raise _Again(self._error(Code.FORGE_TIMED_OUT, url, "no answer in time")) from error
        except httpx.RemoteProtocolError as error:
            cut = "complete message body" in str(error)
            code = Code.FORGE_TRUNCATED if cut else Code.FORGE_UNREACHABLE
            said = "the answer was cut off" if cut else "no answer"
            raise _Again(self._error(code, url, said)) from error
        except httpx.TransportError as error:
            said = type(error).__name__
            raise _Again(self._error(Code.FORGE_UNREACHABLE, url, said)) from error
        except httpx.InvalidURL as error:
            raise self._error(Code.FORGE_REDIRECT, url, "its next page has no address") from error
        except RuntimeError as error:  # the client was closed at the end of its time
            raise self._error(Code.FORGE_TIMED_OUT, url, "there is no time left") from error
        if answer.status_code == _NOT_MODIFIED and known:
            return known[1]
        self._require(answer, data, url)
        page = Page(self._json(answer, data, url), self._following(answer, url))
        tag = answer.headers.get("etag")
        if tag:
            with self._lock:
                self._known[url] = (tag, page)
        return page

    def _body(self, answer: httpx.Response, url: str) -> bytes:
        data = bytearray()
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise self._error(Code.FORGE_NOT_JSON, url, "it is encoded, and was asked not to be")
        for piece in answer.iter_raw():
            data += piece
            if len(data) > MAX_BYTES:
                raise self._error(Code.FORGE_TOO_LARGE, url, f"more than {MAX_BYTES} bytes")
            if time.monotonic() > self._deadline:
                raise self._error(Code.FORGE_TIMED_OUT, url, "it does not come to an end")
        return bytes(data)

    def _require(self, answer: httpx.Response, data: bytes, url: str) -> None:
        """Go on only with an answer that holds what was asked for."""
        status = answer.status_code
        if status == httpx.codes.OK:
            return
        said = _message(data)
        if status == _TOO_MANY or (status == _FORBIDDEN and _is_limit(answer, said)):
            error = self._error(Code.FORGE_RATE_LIMITED, url, f"{status} {said}".strip())
            raise _Again(error, self._wait(answer, error))
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise _Again(self._error(Code.FORGE_FAILED, url, f"{status} {said}".strip()))
        codes = {
            _UNAUTHORIZED: Code.FORGE_UNAUTHORIZED,
            _FORBIDDEN: Code.FORGE_FORBIDDEN,
            _NOT_FOUND: Code.FORGE_NOT_FOUND,
        }
        if answer.has_redirect_location:
            raise self._error(Code.FORGE_REDIRECT, url, f"{status}: it is elsewhere by now")
        code = codes.get(status, Code.FORGE_FAILED)
        raise self._error(code, url, f"{status} {said}".strip())

    def _wait(self, answer: httpx.Response, error: StoreError) -> float | None:
        """Return how long the forge asks to wait, where there is time for that.

        Raises:
            StoreError: There is none.
        """
        wait = _seconds(answer.headers.get("retry-after", ""))
        if wait is None and answer.headers.get("x-ratelimit-remaining") == "0":
            reset = _seconds(answer.headers.get("x-ratelimit-reset", ""))
            now = _seconds(str(int(time.time()))) or 0.0
            wait = None if reset is None else max(0.0, reset - now) + 1
        if wait is not None and time.monotonic() + wait >= self._deadline:
            raise error
        return wait

    def _json(self, answer: httpx.Response, data: bytes, url: str) -> Any:
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            said = f"{escape(kind)[:80] or 'nothing'} and no JSON came"
            raise self._error(Code.FORGE_NOT_JSON, url, said)
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            code = Code.FORGE_TRUNCATED if data.startswith((b"[", b"{")) else Code.FORGE_NOT_JSON
            raise self._error(code, url, "what came is no whole JSON") from error

    def _following(self, answer: httpx.Response, url: str) -> str:
        link = answer.links.get("next", {}).get("url", "")
        if link and not link.startswith((f"{self.base}/", f"{self.base}?")):
            raise self._error(Code.FORGE_REDIRECT, url, "its next page is elsewhere")
        return link

    def _error(self, code: Code, url: str, said: str) -> ForgeError:
        where = url.removeprefix(self.base)
        text = f"{escape(where)[:300]}: {escape(said)[:300]}"
        # A forge that sends it back.
        return ForgeError(code, text.replace(self.token, "…"), said)


def _wait_of(error: Exception) -> bool | float:
    """Say whether to try again, and after how long where the forge asks for that."""
    if not isinstance(error, _Again):
        return False
    return True if error.wait is None else error.wait


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 12 else None  # noqa: PLR2004 - a time


def _is_limit(answer: httpx.Response, said: str) -> bool:
    exhausted = answer.headers.get("x-ratelimit-remaining") == "0"
    return exhausted or "retry-after" in answer.headers or "rate limit" in said.lower()


def _message(data: bytes) -> str:
    """Return what an answer says is wrong, where it says so as GitHub does."""
    try:
        value = json.loads(data[:65536])
    except (ValueError, RecursionError):
        return ""
    said = value.get("message") if isinstance(value, dict) else None
    return said[:200] if isinstance(said, str) else ""
