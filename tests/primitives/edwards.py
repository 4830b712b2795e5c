"""The group of Ed25519 in plain integers, to make signatures that no honest signer makes.

RFC 8032 section 5.1, affine and slow: an arithmetic of its own, so that the hostile cases
do not come from a library that is under test.
"""

from __future__ import annotations

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)

Point = tuple[int, int]
IDENTITY: Point = (0, 1)


def add(a: Point, b: Point) -> Point:
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P
    return x, y


def multiply(scalar: int, point: Point) -> Point:
    result = IDENTITY
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def negate(point: Point) -> Point:
    return -point[0] % P, point[1]


def recover(y: int, sign: int) -> Point | None:
    """Return the point with this y and this lowest bit of x, or None."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * SQRT_M1 % P
    if (x * x - square) % P:
        return None
    return (x, y) if x & 1 == sign else (-x % P, y)


def encode(point: Point) -> bytes:
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = recover(4 * pow(5, -1, P) % P, 0) or IDENTITY


def torsion() -> list[Point]:
    """Return the eight points whose order divides 8, the identity first."""
    for y in range(2, 100):
        point = recover(y, 0)
        if point is None:
            continue
        small = multiply(L, point)
        if multiply(4, small) != IDENTITY:
            return [multiply(k, small) for k in range(8)]
    raise AssertionError("no point of order 8 was found")


def challenge(r: bytes, a: bytes, message: bytes) -> int:
    return int.from_bytes(hashlib.sha512(r + a + message).digest(), "little") % L


def scalar_bytes(scalar: int) -> bytes:
    return scalar.to_bytes(32, "little")
