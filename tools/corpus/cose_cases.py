"""COSE_Sign1, signed by a key of the corpus's own."""

from __future__ import annotations

from greenlight.primitives import cbor, cose
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.services.parsers import COSE_TYPE
from tools.corpus.kit import ACCEPT, Bytes, case

KEY = SeedSigner(b"greenlight hostile corpus: a key")  # 32 bytes; it vouches for nothing


def attacks() -> None:
    """COSE_Sign1, signed by a key of the corpus's own."""
    bad, invalid = "SEAL_MALFORMED", "SEAL_SIGNATURE_INVALID"
    good = cose.sign1(b"payload", KEY, content_type=COSE_TYPE, subject="corpus", detached=False)
    protected, unprotected, payload, signature = cbor.decode(good, tag=18)  # type: ignore[misc]  # an array of four

    def made(
        head: object = protected, open_: object = unprotected, body: object = payload,
        sign: object = signature,
    ) -> bytes:  # fmt: skip
        return cbor.encode((head, open_, body, sign), tag=18)

    def hostile(name: str, data: Bytes, about: str, expect: str = bad) -> None:
        case(f"cose/{name}", data, expect, about=about)

    case("cose/signed", good, ACCEPT, means="cose-signed", about="the one spelling")
    case("cose/no-tag", good[1:], bad, means="cose-signed", about="without its tag")
    case("cose/tag-long", b"\xd8\x12" + good[1:], bad, means="cose-signed", about="a long tag")
    case("cose/tag-twice", b"\xd2" + good, bad, means="cose-signed", about="the tag twice")
    case(
        "cose/open-header", made(open_={99: 1}), bad, means="cose-signed",
        about="something that nobody signed",
    )  # fmt: skip
    case(
        "cose/indefinite", b"\xd2\x9f" + good[2:] + b"\xff", bad, means="cose-signed",
        about="without a length",
    )  # fmt: skip
    head: dict[int, object] = cbor.decode(protected)  # type: ignore[assignment]  # a header map
    hostile("no-algorithm", made(cbor.encode({k: v for k, v in head.items() if k != 1})), "no alg")
    hostile("other-algorithm", made(cbor.encode({**head, 1: -7})), "ES256 for EdDSA")
    hostile("critical", made(cbor.encode({**head, 2: [99]})), "a critical header nobody knows")
    hostile("other-type", made(cbor.encode({**head, 3: "text/plain"})), "another content type")
    hostile("short-key-id", made(cbor.encode({**head, 4: b"x"})), "a key id of one byte")
    hostile("long-head", made(b"\xb8" + protected[:1] + protected[1:]), "a header not canonical")
    hostile("empty-head", made(b""), "an empty header")
    hostile("short-signature", made(sign=signature[:-1]), "63 bytes")
    hostile("long-signature", made(sign=signature + b"\0"), "65 bytes")
    hostile("no-signature", made(sign=None), "no signature")
    hostile("detached", made(body=None), "no payload anywhere")
    hostile("three", cbor.encode((protected, {}, payload), tag=18), "an array of three")
    hostile("five", cbor.encode((protected, {}, payload, signature, 0), tag=18), "one of five")
    hostile("trailing", good + b"\0", "a byte behind it")
    hostile("cut", good[:-1], "the last byte is missing")
    hostile("empty", b"", "nothing")
    hostile("another-payload", made(body=b"another"), "what was not signed", invalid)
    flipped = bytes([signature[0] ^ 1]) + signature[1:]
    hostile("flipped-bit", made(sign=flipped), "one bit of the signature", invalid)
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    hostile("malleable", made(sign=signature[:32] + scalar), "S beyond the group's order", invalid)
    hostile("zeros", made(sign=bytes(64)), "a signature of zeros", invalid)
