"""Make db/app.sqlite, the database that the lane starts from: the same bytes every time.

``make_db.py`` writes it; ``make_db.py --check`` compares what is there and exits 1
where it differs.  The people are made up, by arithmetic.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.dont_write_bytecode = True  # tools/ goes into workspaces as it stands
sys.path.insert(0, str(HERE / "tools"))

from migrate import build  # noqa: E402 - after the path above

CUSTOMERS, INVOICES = 320, 900
FIRST = ("Ada", "Bela", "Chiara", "Deniz", "Émile", "Faye", "Goran", "Hana", "Ivo", "Jana", "Kōji")
LAST = ("Ahlers", "Brandt", "Côté", "Dvořák", "Ekman", "Fischer", "García", "Hughes", "Ilić")
STREET = ("Am Markt", "Birch Lane", "Calle Mayor", "Dorfstraße", "Elm Row", "Rue de l'Église")
PLACE = (
    ("Bremen", "DE"),
    ("Graz", "AT"),
    ("Lyon", "FR"),
    ("Porto", "PT"),
    ("Turku", "FI"),
    ("Łódź", "PL"),
    ("York", "GB"),
)
DOMAIN = ("example.com", "example.net", "example.org", "mail.example")
MONTHS, DAYS = 12, 28


def image() -> bytes:
    """Return the database in schema 1."""
    customers: list[tuple[object, ...]] = []
    for number in range(1, CUSTOMERS + 1):
        city, country = PLACE[number * 5 % len(PLACE)]
        name = f"{FIRST[number % len(FIRST)]} {LAST[number * 7 % len(LAST)]}"
        email = f"c{number:04}@{DOMAIN[number * 3 % len(DOMAIN)]}"
        street = f"{STREET[number % len(STREET)]} {number % 97 + 1}"
        postcode = f"{(number * 7919) % 90000 + 10000}"
        customers.append((number, name, email, street, postcode, city, country))
    invoices: list[tuple[object, ...]] = []
    for number in range(1, INVOICES + 1):
        day = f"2025-{number * 5 % MONTHS + 1:02}-{number * 11 % DAYS + 1:02}"
        invoices.append((number, number * 31 % CUSTOMERS + 1, day, number * 1009 % 250000 + 99))
    return build(1, {"customer": customers, "invoice": invoices})


def main(arguments: list[str]) -> None:
    """Write the database, or compare it."""
    path = HERE / "db" / "app.sqlite"
    if arguments == ["--check"]:
        if path.read_bytes() != image():
            raise SystemExit(f"{path} is not what make_db.py makes")
    else:
        path.write_bytes(image())


if __name__ == "__main__":
    main(sys.argv[1:])
