"""Short texts that are compared: tokens, paths, digests, times."""

from __future__ import annotations

from tools.corpus.kit import ACCEPT, case


def tokens() -> None:
    """Labels, as documents and ledger entries have them: what merely looks alike is refused."""

    def token(name: str, text: str, about: str, expect: str = "MALFORMED", means: str = "") -> None:
        case(f"token/{name}", text.encode("utf-8"), expect, means=means, about=about)

    token("plain", "release-docs", "a label", ACCEPT, "token")
    token("cyrillic", "rel\u0435ase-docs", "a Cyrillic e", means="token")
    token("greek", "rele\u03b1se-docs", "a Greek alpha", means="token")
    token("full-width", "release\uff0ddocs", "a full-width hyphen", means="token")
    token("dash", "release\u2013docs", "an en dash", means="token")
    token("zero-width", "release\u200b-docs", "a zero width space", means="token")
    token("joiner", "release\u200d-docs", "a zero width joiner", means="token")
    token("soft-hyphen", "release\u00ad-docs", "a soft hyphen", means="token")
    token("variation", "release\ufe0f-docs", "a variation selector", means="token")
    token("tag", "release-docs\U000e0041", "a tag character", means="token")
    token("mark", "\ufeffrelease-docs", "a byte order mark", means="token")
    token("override", "release-\u202escod", "turned round", means="token")
    token("line-end", "release-docs\n", "a line end", means="token")
    token("space", " release-docs", "a space", means="token")
    token("no-break-space", "release-docs\u00a0", "a no-break space", means="token")
    token("combining", "rele\u0301ase-docs", "an accent", means="token")
    token("long-s", "relea\u017fe-docs", "a long s", means="token")
    token("nul", "release-docs\0", "NUL", means="token")
    token("empty", "", "nothing")
    token("too-long", "a" * 200, "longer than a label")
    case("token/not-utf-8", b"release\xff", "MALFORMED", about="no UTF-8")


def paths() -> None:
    """Paths inside a packet."""

    def path(name: str, text: str, expect: str, about: str, means: str = "") -> None:
        case(f"path/{name}", text.encode("utf-8"), expect, means=means, about=about)

    path("plain", "docs/a.txt", ACCEPT, "a path", "path")
    path("dot", "docs/./a.txt", "PATH_DOTS", "a dot", "path")
    path("two-slashes", "docs//a.txt", "PATH_DOTS", "an empty segment", "path")
    path("back", "docs/../docs/a.txt", "PATH_DOTS", "there and back", "path")
    path("backslash", "docs\\a.txt", "PATH_BACKSLASH", "the other slash", "path")
    path("absolute", "/docs/a.txt", "PATH_ABSOLUTE", "from the root")
    path("up", "../a.txt", "PATH_DOTS", "out of the folder")
    path("git", ".git/config", "PATH_DOTGIT", "Git's own folder")
    path("git-case", ".GiT/config", "PATH_DOTGIT", "the same on a Mac (CVE-2014-9390)")
    path("git-short", "git~1/config", "PATH_DOTGIT", "the same on NTFS")
    path("git-ignorable", ".g\u200cit/config", "PATH_DOTGIT", "the same on HFS+")
    path("device", "aux.txt", "PATH_WINDOWS", "a device of Windows")
    path("stream", "a.txt::$DATA", "PATH_WINDOWS", "a stream of NTFS")
    path("last-dot", "a.", "PATH_WINDOWS", "a dot that Windows drops")
    path("decomposed", "e\u0301", "PATH_NOT_NFC", "NFD")
    path("control", "a\nb", "PATH_CONTROL", "a line end")
    path("deep", "a/" * 40 + "a", "PATH_TOO_DEEP", "more levels than allowed")
    path("long", "a" * 300, "PATH_TOO_LONG", "a longer name than file systems have")
    path("empty", "", "PATH_DOTS", "nothing")


def values() -> None:
    """Digests and times."""
    digits = "0123456789abcdef" * 4
    digest = f"sha256:{digits}"
    for name, text, expect, about in (
        ("plain", digest, ACCEPT, "a digest"),
        ("capitals", f"sha256:{digits.upper()}", "MALFORMED", "capitals"),
        ("bare", digits, "MALFORMED", "without its algorithm"),
        ("spaces", f"sha256:{digits[:32]} {digits[32:]}", "MALFORMED", "a space inside"),
        ("algorithm-capitals", f"SHA256:{digits}", "MALFORMED", "the name in capitals"),
        ("line-end", f"{digest}\n", "MALFORMED", "a line end"),
    ):
        case(f"digest/{name}", text.encode(), expect, means="digest", about=about)
    case("digest/short", digest[:-2].encode(), "MALFORMED", about="a byte too few")
    case("digest/md5", b"md5:" + b"0" * 32, "MALFORMED", about="another algorithm")

    moment = "2026-01-31T23:59:59Z"
    for name, text, expect, about in (
        ("plain", moment, ACCEPT, "a time"),
        ("offset", "2026-01-31T23:59:59+00:00", "MALFORMED", "an offset for Z"),
        ("small-z", "2026-01-31T23:59:59z", "MALFORMED", "a small z"),
        ("space", "2026-01-31 23:59:59Z", "MALFORMED", "a space for T"),
        ("fraction", "2026-01-31T23:59:59.0Z", "MALFORMED", "a fraction of nothing"),
        ("basic", "20260131T235959Z", "MALFORMED", "the basic form"),
        ("zone", "2026-02-01T00:59:59+01:00", "MALFORMED", "another zone"),
    ):
        case(f"time/{name}", text.encode(), expect, means="time", about=about)
    case("time/leap", b"2026-06-30T23:59:60Z", "MALFORMED", about="a leap second")
    case("time/no-day", b"2026-02-30T00:00:00Z", "MALFORMED", about="a day that is not")
    case("time/arabic", "٢٠٢٦-01-31T23:59:59Z".encode(), "MALFORMED", about="digits of others")
