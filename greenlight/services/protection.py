"""Compare the consumer registry with the live rules of every consumer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

from greenlight.errors import GreenlightError
from greenlight.model.consumers import Consumer, Registry
from greenlight.verify.protection import Compared, Protection, compare, conclude, skipped

NO_TOKEN: Final = "GITHUB_TOKEN not set (cannot query GitHub API)"  # noqa: S105 - in 000's words


def check_protection(
    registry: Registry, *, base: str, token: str, seconds: float, connections: int
) -> Protection:
    """Ask the forge for the rules of every consumer's branch, and compare them.

    Args:
        registry: Who is registered.
        base: Address of the forge's API.
        token: Empty where there is none: then nothing is asked.
        seconds: How long all of it may take.
        connections: How many questions at once.

    Raises:
        UsageError: The address is none.
    """
    if not registry.consumers:
        return conclude(())
    if not token:
        return skipped(len(registry.consumers), NO_TOKEN)
    from greenlight.forge.client import Forge  # noqa: PLC0415 - of commands that ask a forge
    from greenlight.forge.protection import read_rules  # noqa: PLC0415 - likewise

    with Forge(base, token, seconds, connections) as forge, ThreadPoolExecutor(connections) as pool:

        def look(consumer: Consumer) -> Compared:
            try:
                rules = read_rules(forge, consumer.repository, consumer.branch)
            except GreenlightError as error:
                return compare(consumer, None, f"{error.code}: {error}")
            return compare(consumer, rules)

        return conclude(tuple(pool.map(look, registry.consumers)))
