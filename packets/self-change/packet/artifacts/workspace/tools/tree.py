"""Print the Git tree id of a folder, as ``git rev-parse COMMIT:folder`` does; or require one."""

import hashlib
import sys
from pathlib import Path


def git_object(kind: str, body: bytes) -> bytes:
    """Return the raw id of an object."""
    return hashlib.sha1(f"{kind} {len(body)}\0".encode() + body, usedforsecurity=False).digest()


def tree(folder: Path) -> bytes:
    """Return the raw id of a folder's tree."""
    rows = []
    for path in folder.iterdir():
        if path.is_dir():
            rows.append((f"{path.name}/", b"40000", path.name, tree(path)))
        else:
            mode = b"100755" if path.stat().st_mode & 0o111 else b"100644"
            rows.append((path.name, mode, path.name, git_object("blob", path.read_bytes())))
    body = b"".join(
        mode + b" " + name.encode() + b"\0" + oid
        for key, mode, name, oid in sorted(rows, key=lambda row: row[0].encode())
    )
    return git_object("tree", body)


found = tree(Path(sys.argv[1])).hex()
print(found)
if len(sys.argv) > 2 and found != sys.argv[2]:
    sys.exit(f"expected the tree {sys.argv[2]}")
