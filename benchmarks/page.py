"""The table of a page, from the results: nobody copies figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Final

BEGIN: Final = "<!-- results -->\n"
END: Final = "<!-- /results -->\n"
_HEAD: Final = (
    "| | job | peer | greenlight ms | peer ms | ratio | from to | to be | MiB | measured |\n"
    "|---|---|---|---|---|---|---|---|---|---|\n"
)


def with_table(page: str, rows: Sequence[Mapping[str, Any]], versions: Mapping[str, str]) -> str:
    """Return the page with these results between its marks, and what was compared."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"the page has no {BEGIN.strip()} and {END.strip()}")
    compared = ", ".join(f"{name} {version}" for name, version in versions.items())
    table = _HEAD + "".join(map(_row, rows))
    return f"{before}{BEGIN}{table}\nCompared: {compared}.\n{END}{after}"


def _row(row: Mapping[str, Any]) -> str:
    ratios = [ours / peer for ours, peer in zip(row["ours_us"], row["peer_us"], strict=True)]
    asked = row["target_percent"]
    target = "" if asked is None else f"{asked / 100:g}"
    if asked is not None:
        target += ", reached" if row["ratio_median_percent"] <= asked else ", **missed**"
    cells = (
        row["workload"].upper(),
        row["job"],
        f"`{row['peer']}`",
        f"{median(row['ours_us']) / 1000:.0f}",
        f"{median(row['peer_us']) / 1000:.0f}",
        f"{median(ratios):.2f}",
        f"{min(ratios):.2f} to {max(ratios):.2f}",
        target,
        f"{row['peak_kib'] >> 10}",
        row["date"],
    )
    return f"| {' | '.join(cells)} |\n"
