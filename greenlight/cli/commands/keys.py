"""``greenlight keys``: make a key, show one."""

from __future__ import annotations

import os

from greenlight.cli.answer import Answer
from greenlight.cli.surroundings import key_missing, key_path, new_key_path, new_passphrase
from greenlight.cli.values import Values
from greenlight.services.keys import KeyFile, new_key, read_public

_SEED_BYTES = 32


def new(arguments: Values) -> Answer:
    """Make a key pair."""
    path = arguments.file or new_key_path()
    made = new_key(
        path,
        seed=os.urandom(_SEED_BYTES),
        half_seed=os.urandom(_SEED_BYTES) if arguments.hybrid else None,
        passphrase=new_passphrase() if arguments.passphrase else None,
        comment=arguments.comment,
    )
    return Answer(made.to_dict(), _lines(made))


def show(arguments: Values) -> Answer:
    """Show the public half of a key."""
    path = arguments.file or key_path(arguments)
    if path is None:
        raise key_missing()
    found = read_public(path)
    return Answer(found.to_dict(), _lines(found))


def _lines(key: KeyFile) -> tuple[str, ...]:
    lines = (f"file        {key.path}", f"public key  {key.line}", f"thumbprint  {key.public.uri}")
    return (*lines, f"post-quantum  {key.half_line}") if key.post_quantum else lines
