"""YAML, of which lane files are a strict subset."""

from __future__ import annotations

from tools.corpus.kit import ACCEPT, EITHER, Bytes, case


def attacks() -> None:
    """YAML: the subset that lane files are written in; people write it in many ways."""
    bad = "YAML_MALFORMED"

    def hostile(
        name: str, data: Bytes, about: str, expect: str = bad, others: str = EITHER
    ) -> None:
        case(f"yaml/{name}", data, expect, others=others, about=about)

    case("yaml/map", b"a: 1\nb: [x, 'y', null]\n", ACCEPT, about="a map")
    case("yaml/words", b"a: yes\nb: off\n", ACCEPT, about="yes and off are text in YAML 1.2")
    case("yaml/many", [b"a:\n", (b"  - x\n", 500)], ACCEPT, about="500 items")
    hostile("key-twice", b"a: 1\na: 2\n", "two values for a key", "LANE_DUPLICATE_KEY")
    hostile("alias", b"a: &x 1\nb: *x\n", "an alias")
    laughs = "".join(
        f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    hostile("billion-laughs", ("a: &a [x, x]\n" + laughs).encode(), "nine to the ninth")
    hostile("itself", b"&a [*a]\n", "a list that holds itself")
    hostile("python-tag", b"!!python/object/apply:os.system ['true']\n", "a tag that runs")
    hostile("string-tag", b"a: !!str 1\n", "a tag")
    hostile("merge", b"a: {b: 1}\nc:\n  <<: {d: 2}\n", "a merge key")
    hostile("float", b"a: 1.5\n", "a float")
    hostile("octal", b"a: 0o17\n", "15 here, a text elsewhere")
    hostile("leading-zero", b"a: 017\n", "17 or 15")
    hostile("not-a-number", b"a: .nan\n", "NaN")
    hostile("number-as-key", b"1: a\n", "a key that is no text")
    hostile("list-as-key", b"? [a]\n: b\n", "a list for a key")
    hostile("byte-order-mark", b"\xef\xbb\xbfa: 1\n", "U+FEFF in front")
    hostile("next-line", "a: x\u0085y\n".encode(), "U+0085, a line end in YAML 1.1")
    hostile("line-separator", "a: x\u2028y\n".encode(), "U+2028, likewise")
    hostile("escape", b"a: \x1b[2J\n", "a terminal sequence")
    hostile("nul", b"a: x\x00y\n", "NUL")
    hostile("not-utf-8", b"a: \xff\n", "no UTF-8")
    hostile("overlong", b"a: \xc0\xaf\n", "an overlong slash")
    hostile("utf-16", "a: 1\n".encode("utf-16"), "UTF-16")
    hostile("decomposed", b"a: e\xcc\x81\n", "NFD")
    hostile("surrogate", b'a: "\\ud800"\n', "half of a pair, escaped")
    hostile("two-documents", b"a: 1\n---\nb: 2\n", "two documents")
    hostile("directive", b"%YAML 1.1\n---\na: 1\n", "another version")
    hostile("unclosed", b'a: "x\n', "a text without an end")
    hostile("unclosed-flow", b"a: [1, 2\n", "a list without an end")
    hostile("tab-indent", b"a:\n\tb: 1\n", "a tab for an indent")
    hostile("deep-flow", [(b"[", 2_000), (b"]", 2_000)], "a stack's worth")
    hostile("deep-flow-open", [(b"[", 200)], "never closed")
    hostile("deep-dashes", [(b"- ", 10_000), b"x\n"], "likewise, in one line")
    hostile("too-large", [b"a: ", (b"x" * 1024, 1100), b"\n"], "more than 1 MiB")
    hostile("huge-integer", [b"a: ", (b"9", 20_000), b"\n"], "quadratic for a careless reader")
