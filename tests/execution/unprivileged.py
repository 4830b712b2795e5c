"""Call a function as an ordinary user: the superuser reads and removes what nobody else can."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable

NOBODY = 65534


def unprivileged(function: Callable[[], str]) -> str:
    """Return what ``function`` returns in a child process, of `nobody` where this one is root's."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            os.write(writing, function().encode())
            status = 0
        except BaseException:  # noqa: BLE001 - nothing may return into pytest from here
            os.write(writing, traceback.format_exc().encode()[-4000:])
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as stream:
        said = stream.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, said
    return said
