"""Ways out of the box, each tried for real, as root and as an ordinary user.

What is expected of each is a grade: what the kernel denied, what was recorded of it, and what
the list of changes says.  ``HOST`` is a file outside that a step would love to change.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from greenlight.execution.box import child
from tests.execution.boxes import FILES, SCOPE, Outcome, boxed
from tests.tools import need, need_box


@pytest.fixture(autouse=True)
def _box() -> None:
    need_box()


Check = Callable[[Outcome], None]
ESCAPES: dict[str, tuple[str, Check]] = {}
PYTHON: dict[str, tuple[str, Check]] = {}


@pytest.fixture(params=[False, True], ids=["root", "user"])
def ordinary(request: pytest.FixtureRequest) -> bool:
    if not request.param and os.geteuid() != 0:
        pytest.skip("these tests are not run by root")
    return bool(request.param)


@pytest.fixture
def host() -> Iterator[Path]:
    """A file of the host that everybody may write."""
    folder = Path(f"/var/tmp/greenlight-host-{os.getpid()}")  # noqa: S108 - not in the box
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "canary").write_text("alive\n")
    (folder / "canary").chmod(0o666)
    yield folder
    assert sorted(path.name for path in folder.iterdir()) == ["canary"]
    assert (folder / "canary").read_text() == "alive\n"
    (folder / "canary").unlink()
    folder.rmdir()


def shell(name: str, script: str) -> Callable[[Check], Check]:
    """Register an escape by a script of sh; ``HOST`` in it is the folder of the canary."""

    def add(check: Check) -> Check:
        ESCAPES[name] = (script, check)
        return check

    return add


def python(name: str, script: str) -> Callable[[Check], Check]:
    """Register an escape by a script of the system's Python."""

    def add(check: Check) -> Check:
        PYTHON[name] = (script, check)
        return check

    return add


def nothing_changed(done: Outcome) -> None:
    assert done.changed == {}, done


# --- writes


@shell("an absolute path outside", "echo x > /etc/new; echo x > /usr/bin/new; echo x > /new")
def _(done: Outcome) -> None:
    nothing_changed(done)
    assert done.denied("write", "openat") == ["/etc/new", "/usr/bin/new", "/new"]


@shell("a file of the host", "echo x > HOST/canary; echo x > HOST/new")
def _(done: Outcome) -> None:
    nothing_changed(done)  # its folder has no name in the box


@shell("through a symbolic link", "ln -s /etc kb/out; echo x > kb/out/new; echo x > kb/out/hosts")
def _(done: Outcome) -> None:
    assert done.changed == {"kb/out": "link"}
    assert done.denied("write", "openat") == ["/etc/new", "/etc/hosts"]


@shell("a link to the host", "ln -s HOST/canary out; echo x > out; ln -s HOST d; echo x > d/new")
def _(done: Outcome) -> None:
    assert set(done.changed) == {"out", "d"}


@shell("a hard link to a file outside", "ln /etc/hosts out && echo x >> out")
def _(done: Outcome) -> None:
    nothing_changed(done)


@shell("dots through an allowed path", "echo x > kb/../../etc/new; echo x > kb/../../../../new")
def _(done: Outcome) -> None:
    nothing_changed(done)
    assert done.denied("write", "openat") == ["/etc/new", "/new"]


@python(
    "a mapping of a file outside",
    "import mmap\nf = open('/etc/hosts', 'r+b')\nmmap.mmap(f.fileno(), 0)[0:1] = b'x'",
)
def _(done: Outcome) -> None:
    assert "Read-only" in done.err
    assert done.denied("write", "openat") == ["/etc/hosts"]


@python(
    "a file without a name",
    "import os\nfd = os.open('kb', os.O_TMPFILE | os.O_RDWR)\n"
    "os.write(fd, b'x')\nos.link(f'/proc/self/fd/{fd}', 'kb/named')",
)
def _(done: Outcome) -> None:
    assert done.changed in ({}, {"kb/named": "file"})  # listed if the overlay lets it


@shell("a folder replaced by another of its name", "rm -r kb; mkdir kb; echo x > kb/new")
def _(done: Outcome) -> None:
    # What is forbidden is mounted, and so its folder cannot go.
    assert "kb/vault/key" not in done.changed
    assert done.changed.get("kb/doc.md") == "absent"


@shell("the same bytes again", "cp out.txt /tmp/o; cp /tmp/o out.txt")
def _(done: Outcome) -> None:
    nothing_changed(done)


@shell("made and taken away", "echo x > kb/brief; rm kb/brief")
def _(done: Outcome) -> None:
    nothing_changed(done)
    assert done.attempts["write", "openat", "staged"] == ["kb/brief"]
    assert done.attempts["write", "unlinkat", "staged"] == ["kb/brief"]


@shell("a forbidden file", "echo x > kb/vault/key; echo x >> kb/vault/key; : > kb/vault/key")
def _(done: Outcome) -> None:
    nothing_changed(done)
    assert done.denied("write", "openat") == ["kb/vault/key"]


@shell("a new file where it is forbidden", "echo x > kb/vault/new; rm -f kb/vault/new")
def _(done: Outcome) -> None:
    nothing_changed(done)
    assert done.denied("write", "openat") == ["kb/vault/new"]


@shell("deleting what is forbidden", "rm -rf kb/vault/key kb/vault; rmdir kb/vault")
def _(done: Outcome) -> None:
    nothing_changed(done)
    assert "kb/vault/key" in done.denied("write", "unlinkat")


@shell("renaming over what is forbidden", "mv out.txt kb/vault/key; mv -f kb/vault/key out.txt")
def _(done: Outcome) -> None:
    nothing_changed(done)


@shell("renaming the folder above it", "mv kb other; echo x > other/vault/key")
def _(done: Outcome) -> None:
    assert "kb/vault/key" not in done.changed
    assert done.changed["other/vault/key"] == "file"  # a copy, and on the list


@shell(
    "a link in the place of a folder on the way",
    "mv kb/vault kb/v; ln -s /tmp kb/vault; echo x > kb/vault/key",
)
def _(done: Outcome) -> None:
    assert "kb/vault/key" not in done.changed


@shell("modes and times outside", "chmod 777 /etc/hosts; chown 1000 /usr; touch /etc/hosts")
def _(done: Outcome) -> None:
    assert set(done.denied("write", "fchmodat")) == {"/etc/hosts"}


@python(
    "truncation and attributes outside",
    "import os\n"
    "for f in (lambda: os.truncate('/etc/hosts', 0),"
    " lambda: os.setxattr('/etc/hosts', 'user.x', b'1')):\n"
    "  try: f()\n  except OSError as e: print(e.errno)",
)
def _(done: Outcome) -> None:
    assert done.denied("write", "truncate") == ["/etc/hosts"]
    assert done.denied("write", "setxattr") == ["/etc/hosts"]


@shell("a device", "mknod disk b 254 0; mknod null c 1 3; cat disk")
def _(done: Outcome) -> None:
    nothing_changed(done)


@shell(
    "the kernel's settings",
    "echo 1 > /proc/sys/kernel/printk; echo b > /proc/sysrq-trigger;"
    " echo x > /proc/sys/kernel/core_pattern; ls /sys",
)
def _(done: Outcome) -> None:
    assert "/proc/sysrq-trigger" in done.denied("write")
    assert "cannot access '/sys'" in done.err


@shell("names that are not UTF-8", "touch \"$(printf 'kb/\\377')\" \"$(printf 'kb/\\033[2J')\"")
def _(done: Outcome) -> None:
    assert set(done.changed) == {"kb/\\xff", "kb/\\x1b[2J"}


@shell("files that nobody can remove", "chattr +i out.txt kb; chattr +a kb/doc.md; lsattr out.txt")
def _(done: Outcome) -> None:
    nothing_changed(done)
    assert "----i" not in done.out


# --- processes


@shell("a daemon", "nohup sleep 7200 >/dev/null 2>&1 & (setsid sleep 7201 >/dev/null 2>&1 &)")
def _(done: Outcome) -> None:
    assert done.exit == 0


@python(
    "a daemon that listens to nothing",
    "import os, signal, time\n"
    "if os.fork() == 0:\n"
    "  os.setsid()\n"
    "  [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 3, 15)]\n"
    "  if os.fork() == 0:\n    time.sleep(1002)\n"
    "  os._exit(0)\n",
)
def _(done: Outcome) -> None:
    assert done.exit == 0


@shell("killing everybody", "kill -9 1; kill -9 -1; echo still here")
def _(done: Outcome) -> None:
    assert done.exit is None or "still here" in done.out


@python(
    "tracing process 1",
    "import ctypes\nl = ctypes.CDLL(None, use_errno=True)\n"
    "print(l.ptrace(16, 1, 0, 0), ctypes.get_errno())",
)
def _(done: Outcome) -> None:
    assert done.out == "-1 1\n"
    assert done.denied("system", "ptrace")


@python(
    "the memory of process 1",
    "import os\n"
    "for p in ('/proc/1/mem', '/proc/1/environ', '/proc/1/cmdline', '/proc/1/maps'):\n"
    "  try: print(p, open(p, 'rb').read(10))\n  except OSError as e: print(e.errno)",
)
def _(done: Outcome) -> None:
    assert done.out.split() == ["2"] * 4  # it is not even listed


@python(
    "another's memory by a call",
    "import ctypes, os\nl = ctypes.CDLL(None, use_errno=True)\n"
    "l.syscall.restype = ctypes.c_long\n"
    "print(l.syscall(310, os.getppid(), 0, 0, 0, 0, 0), ctypes.get_errno())",
)
def _(done: Outcome) -> None:
    assert done.out == "-1 1\n"


@shell("a host process", "ls /proc | grep -c '^[0-9]'; kill -0 PARENT && echo seen")
def _(done: Outcome) -> None:
    assert int(done.out.split()[0]) < 10
    assert "seen" not in done.out


# --- the system


@shell("namespaces of its own", "unshare -Ur true; unshare -m true; unshare -n true; echo end")
def _(done: Outcome) -> None:
    assert done.out == "end\n"
    assert done.denied("system", "unshare")


@python(
    "a clone with namespaces",
    "import ctypes\nl = ctypes.CDLL(None, use_errno=True)\n"
    "l.syscall.restype = ctypes.c_long\n"
    "print(l.syscall(56, 0x10000000 | 17, 0, 0, 0, 0), ctypes.get_errno())\n"
    "print(l.syscall(435, 0, 0), ctypes.get_errno())",
)
def _(done: Outcome) -> None:
    assert done.out == "-1 1\n-1 38\n"


CALLS = {
    "io_uring_setup": (425, 38), "mount": (165, 1), "umount2": (166, 1), "pivot_root": (155, 1),
    "chroot": (161, 1), "setns": (308, 1), "bpf": (321, 1), "keyctl": (250, 1),
    "add_key": (248, 1), "userfaultfd": (323, 1), "perf_event_open": (298, 1),
    "open_by_handle_at": (304, 1), "init_module": (175, 1), "kexec_load": (246, 1),
    "clock_settime": (227, 1), "settimeofday": (164, 1), "sethostname": (170, 1),
    "reboot": (169, 1), "fsopen": (430, 1), "open_tree": (428, 1), "move_mount": (429, 1),
    "pidfd_getfd": (438, 1), "process_vm_writev": (311, 1), "swapon": (167, 1),
}  # fmt: skip


@python(
    "calls that no step needs",
    "import ctypes\nl = ctypes.CDLL(None, use_errno=True)\n"
    "l.syscall.restype = ctypes.c_long\n"
    f"for n in {[number for number, _ in CALLS.values()]}:\n"
    "  print(l.syscall(n, 0, 0, 0, 0, 0, 0), ctypes.get_errno())",
)
def _(done: Outcome) -> None:
    assert done.out.splitlines() == [f"-1 {error}" for _, error in CALLS.values()]
    assert {call for kind, call, _ in done.attempts if kind == "system"} == set(CALLS)


_CODE = (
    "import ctypes, mmap\n"
    "m = mmap.mmap(-1, 4096, prot=7)\nm.write(bytes.fromhex('{}'))\n"
    "a = ctypes.addressof(ctypes.c_char.from_buffer(m))\n"
    "print(ctypes.CFUNCTYPE(ctypes.c_int)(a)())"
)


@python("calls of a 32-bit program", _CODE.format("b814000000cd80c3"))  # getpid by int 0x80
def _(done: Outcome) -> None:
    assert done.exit is None
    assert done.out == ""


@python("calls of the x32 ABI", _CODE.format("b8270000400f05c3"))
def _(done: Outcome) -> None:
    assert done.exit is None
    assert done.out == ""


@shell(
    "a program that makes root",
    "su -c id root </dev/null; sudo -n id; ping -c1 127.0.0.1;"
    " grep -E 'Cap(Eff|Prm|Bnd|Amb)|NoNewPrivs' /proc/self/status",
)
def _(done: Outcome) -> None:
    assert "uid=0" not in done.out
    rows = dict(line.split(":\t") for line in done.out.splitlines() if ":\t" in line)
    assert {rows[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0" * 16}
    assert rows["NoNewPrivs"] == "1"


@python(
    "words for the terminal",
    "import fcntl, termios, os\n"
    "m, s = os.openpty() if os.path.exists('/dev/ptmx') else (0, 0)\n"
    "try: fcntl.ioctl(s, 0x5412, b'x')\nexcept OSError as e: print(e.errno)\n"
    "print(os.path.exists('/dev/tty'), os.path.exists('/dev/ptmx'))",
)
def _(done: Outcome) -> None:
    assert done.out == "1\nFalse False\n"


# --- programs


@shell("a forbidden program", "psql --version; /usr/bin/psql; cp /bin/true psql; ./psql")
def _(done: Outcome) -> None:
    assert any(target.startswith("/workspace/./psql") for target in done.denied("program"))


@shell(
    "a copied program",
    "cp /bin/true kb/t; kb/t && echo ran; cp /bin/true /tmp/t; /tmp/t && echo ran",
)
def _(done: Outcome) -> None:
    assert "ran" not in done.out
    assert len(done.denied("program")) == 2


@shell(
    "the loader as a program",
    "cp /bin/true kb/t; L=$(ls /lib64/ld-linux* /lib/ld-linux* 2>/dev/null"
    " | head -1); $L ./kb/t && echo ran",
)
def _(done: Outcome) -> None:
    assert "ran" not in done.out
    assert "failed to map" in done.err or "Operation not permitted" in done.err


@shell("a script with a head", "printf '#!/bin/sh\\necho ran\\n' > kb/s; chmod +x kb/s; kb/s")
def _(done: Outcome) -> None:
    assert "ran" not in done.out
    assert done.denied("program")


@python(
    "a program without a name",
    "import os\nfd = os.memfd_create('x')\n"
    "os.write(fd, open('/bin/true', 'rb').read())\n"
    "try: os.execve(fd, ['x'], {})\nexcept OSError as e: print(e.errno)",
)
def _(done: Outcome) -> None:
    assert done.out == "13\n"
    assert done.denied("program")


# --- network


@python(
    "a connection",
    "import socket\n"
    "for a in (('1.2.3.4', 443), ('127.0.0.1', 22), ('::1', 80)):\n"
    "  try: socket.create_connection(a, 2)\n  except OSError as e: print(e.errno)",
)
def _(done: Outcome) -> None:
    assert done.out.split() == ["101"] * 3
    assert done.denied("network", "connect") == ["1.2.3.4:443", "127.0.0.1:22", "[::1]:80"]


@python(
    "a datagram",
    "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
    "for f in (lambda: s.sendto(b'x', ('1.2.3.4', 53)),"
    " lambda: s.sendmsg([b'x'], [], 0, ('1.2.3.4', 54))):\n"
    "  try: f()\n  except OSError as e: print(e.errno)",
)
def _(done: Outcome) -> None:
    assert done.out.split() == ["101"] * 2
    assert done.denied("network") == ["1.2.3.4:53", "1.2.3.4:54"]


@python(
    "a name",
    "import socket\ntry: socket.getaddrinfo('example.org', 80)\nexcept OSError as e: print('no')",
)
def _(done: Outcome) -> None:
    assert done.out == "no\n"


@python(
    "sockets of other kinds",
    "import socket\n"
    "for f, t, p in ((40, 1, 0), (17, 3, 0), (38, 5, 0), (2, 3, 1), (10, 3, 58)):\n"
    "  try: socket.socket(f, t, p); print('open')\n  except OSError as e: print(e.errno)",
)
def _(done: Outcome) -> None:
    assert done.out.split()[:3] == ["97"] * 3  # vsock, packet, the kernel's ciphers
    assert done.out.split()[3:] == ["1"] * 2  # raw
    assert done.denied("network", "socket") == ["family 40", "family 17", "family 38"]


@python(
    "a server",
    "import socket\ns = socket.socket()\n"
    "try: s.bind(('0.0.0.0', 8080))\nexcept OSError as e: print(e.errno)",
)
def _(done: Outcome) -> None:
    assert done.out == "13\n"
    assert done.denied("network", "bind") == ["0.0.0.0:8080"]


@python(
    "sockets of the host with a name",
    "import socket\n"
    "for n in ('HOST/socket', '/run/docker.sock', '/var/run/dbus/system_bus_socket',"
    " '\\0greenlight-host-PARENT'):\n"
    "  s = socket.socket(socket.AF_UNIX)\n"
    "  try: s.connect(n); print('connected')\n  except OSError as e: print(e.errno)",
)
def _(done: Outcome) -> None:
    assert set(done.out.split()) <= {"2", "111"}


# --- what it can know


@shell(
    "homes and secrets",
    "ls -a /root /home /var /run /srv /mnt /media /opt 2>&1; cat /etc/shadow;"
    " find / -xdev -name 'id_*' -o -xdev -name '.netrc' 2>/dev/null | head",
)
def _(done: Outcome) -> None:
    assert done.out.count("No such file") >= 5
    assert "/etc/shadow: No such file" in done.err


@shell("variables of the caller", "env | sort; cat /proc/*/environ | tr '\\0' '\\n' | sort -u")
def _(done: Outcome) -> None:
    assert "GREENLIGHT_TEST_SECRET" not in done.out


@shell("descriptors of the caller", "ls /proc/self/fd; ls -l /proc/self/fd | wc -l")
def _(done: Outcome) -> None:
    assert set(done.out.split()[:-1]) <= {"0", "1", "2", "3"}


@shell("whose machine it is", "hostname; cat /etc/hostname; id; cat /etc/passwd | wc -l")
def _(done: Outcome) -> None:
    assert done.out.split()[:2] == ["greenlight", "greenlight"]
    assert "uid=1000(step)" in done.out


def _names(table: dict[str, tuple[str, Check]]) -> list[str]:
    return list(table)


@pytest.mark.parametrize("name", _names(ESCAPES))
def test_by_a_shell(name: str, ordinary: bool, host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENLIGHT_TEST_SECRET", "from the caller")
    script, check = ESCAPES[name]
    script = script.replace("HOST", str(host)).replace("PARENT", str(os.getpid()))
    check(boxed("sh", "-c", script, ordinary=ordinary))


@pytest.mark.parametrize("name", _names(PYTHON))
def test_by_a_program(name: str, ordinary: bool, host: Path) -> None:
    need("/usr/bin/python3")
    script, check = PYTHON[name]
    script = script.replace("HOST", str(host)).replace("PARENT", str(os.getpid()))
    with socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0greenlight-host-{os.getpid()}")
        abstract.listen()
        check(boxed("/usr/bin/python3", "-c", script, ordinary=ordinary))


def test_there_are_enough_of_them() -> None:
    assert len(ESCAPES) + len(PYTHON) + 6 >= 40


# --- bombs: each is ended by its limit, and the next step runs as if nothing had been


def test_a_fork_bomb(ordinary: bool) -> None:
    limits = child.Limits(processes=64)
    script = ":() { : | : & }; : ; sleep 1; echo end"
    done = boxed("sh", "-c", script, ordinary=ordinary, limits=limits, seconds=5)
    assert done.changed == {}
    assert boxed("true", ordinary=ordinary).exit == 0


def test_a_memory_bomb(ordinary: bool) -> None:
    need("/usr/bin/python3")
    limits = child.Limits(memory_bytes=256 * 2**20)
    done = boxed(
        "/usr/bin/python3", "-c", "b'x' * 2**30", ordinary=ordinary, limits=limits, seconds=20
    )
    assert "MemoryError" in done.err


def test_an_endless_step(ordinary: bool) -> None:
    began = time.monotonic()
    done = boxed("sh", "-c", "trap '' TERM INT; while :; do :; done", ordinary=ordinary, seconds=1)
    assert done.code == "STEP_TIMED_OUT"
    assert time.monotonic() - began < 10


def test_processor_time_is_limited(ordinary: bool) -> None:
    limits = child.Limits(cpu_seconds=1)
    done = boxed("sh", "-c", "while :; do :; done", ordinary=ordinary, limits=limits, seconds=15)
    assert (done.exit, done.code) == (None, "STEP_FAILED")


def test_an_output_flood(ordinary: bool) -> None:
    done = boxed("yes", ordinary=ordinary, output=10_000)
    assert done.code == "STEP_OUTPUT_LIMIT"


def test_a_file_that_grows_without_end(ordinary: bool) -> None:
    limits = child.Limits(file_bytes=2**20)
    done = boxed("sh", "-c", "yes > big", ordinary=ordinary, limits=limits)
    assert done.exit != 0
    assert done.changed == {"big": "file"}


# --- the recorder


def test_a_race_with_the_recorder(ordinary: bool) -> None:
    """Two threads swap a path under its eyes: whatever it saw, the kernel let nothing through."""
    need("/usr/bin/python3")
    script = (
        "import os, threading, time\n"
        "os.mkdir('a'); os.symlink('/etc', 'b')\n"
        "stop = False\n"
        "def swap():\n"
        "  while not stop:\n"
        "    os.rename('a', 'c'); os.rename('b', 'a'); os.rename('a', 'b'); os.rename('c', 'a')\n"
        "t = threading.Thread(target=swap); t.start()\n"
        "won = 0\n"
        "for _ in range(300):\n"
        "  try:\n    os.close(os.open('a/new', os.O_CREAT | os.O_WRONLY))\n  except OSError: pass\n"
        "  won += os.path.exists('/etc/new')\n"
        "stop = True; t.join(); print(won)\n"
    )
    done = boxed("/usr/bin/python3", "-c", script, ordinary=ordinary)
    assert done.out == "0\n", done.err


def test_no_process_is_left() -> None:
    """Whatever was started in the boxes above is gone."""
    found = subprocess.run(["pgrep", "-f", "sleep 720[0-2]"], capture_output=True, check=False)
    assert found.stdout == b""


def test_the_scope_of_the_tests_is_what_they_say() -> None:
    assert set(FILES) == {"kb/doc.md", "kb/vault/key", "out.txt"}
    assert SCOPE.forbids("kb/vault/key")
