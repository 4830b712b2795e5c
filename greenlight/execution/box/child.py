"""What runs inside: three processes, each forked from the one before.

1. the *gate* leaves for new namespaces, says where its child is, and waits for it;
2. the *keeper*, process 1 of the box, makes the tree, gives up every right, and starts the step;
3. the *step* becomes the program.

When the keeper ends, the kernel ends all that is left in the box.  No code here returns: an
error is a message to the parent, and the end.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from greenlight.execution.box import bpf, kernel, landlock, tree

UMASK: Final = 0o022
_FAILED: Final = 125


@dataclass(frozen=True, slots=True)
class Limits:
    """What a command may use.

    Attributes:
        memory_bytes: Address space of each process.
        cpu_seconds: Of each process.
        processes: At one time.
        file_bytes: Of each file that it writes.
        files: That each process has open.
        disk_bytes: By how much the free space of the workspace's disk may fall meanwhile.
    """

    memory_bytes: int = 8 * 2**30
    cpu_seconds: int = 86_400
    processes: int = 1024
    file_bytes: int = 4 * 2**30
    files: int = 1024
    disk_bytes: int = 16 * 2**30


@dataclass(frozen=True, slots=True)
class Command:
    """What the step becomes.

    Attributes:
        argv: Program and arguments.
        env: Its whole environment.
        cwd: Its folder, in the box.
        limits: What it may use.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    limits: Limits


@dataclass(frozen=True, slots=True)
class Walls:
    """What the box is made of.

    Attributes:
        namespaces: Whether there are namespaces at all.
        landlock: Whether Landlock is to stand behind them.
        notify: Whether the filter asks a supervisor.
        trace: Whether strace records, attached from outside.
        proxy: Port of a socket that a proxy outside listens on; 0 for none.
    """

    namespaces: bool = True
    landlock: bool = True
    notify: bool = True
    trace: bool = False
    proxy: int = 0


def say(channel: socket.socket, **message: Any) -> None:
    """Send one message to the parent."""
    channel.send(json.dumps(message).encode())


def gate(
    channel: socket.socket,
    layout: tree.Layout,
    command: Command,
    walls: Walls,
    pipes: tuple[int, int],
) -> NoReturn:
    """Be the first of the three; never returns."""
    try:
        kernel.die_with_parent()
        kernel.be_dumpable()
        if walls.namespaces:
            uid, gid = os.geteuid(), os.getegid()
            kernel.unshare(
                kernel.NEW_USER
                | kernel.NEW_NS
                | kernel.NEW_PID
                | kernel.NEW_NET
                | kernel.NEW_IPC
                | kernel.NEW_UTS
            )
            _write("/proc/self/setgroups", "deny")
            _write("/proc/self/uid_map", f"{tree.UID} {uid} 1")
            _write("/proc/self/gid_map", f"{tree.UID} {gid} 1")
        child = os.fork()
        if child == 0:
            _keeper(channel, layout, command, walls, pipes)
        say(channel, keeper=child)
        for pipe in pipes:
            os.close(pipe)
        channel.close()
        os.waitpid(child, 0)
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 - the last thing that this process does
        _fail(channel, "gate", error)


def _keeper(
    channel: socket.socket,
    layout: tree.Layout,
    command: Command,
    walls: Walls,
    pipes: tuple[int, int],
) -> NoReturn:
    try:
        kernel.die_with_parent()
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if walls.namespaces:
            tree.build(layout)
            socket.sethostname("greenlight")
        door = _door(walls.proxy) if walls.namespaces and walls.proxy else None
        write = (tree.WORKSPACE, tree.TMP, tree.SHM) if walls.namespaces else _writable(layout)
        _limit(command.limits)
        kernel.drop_capabilities()
        kernel.gain_nothing()
        if walls.landlock:
            landlock.restrict(
                write=write,
                execute=("/",) if layout.execute or not walls.namespaces else _executable(layout),
                devices=[f"/dev/{name}" for name in tree.DEVICES],
                ports=(walls.proxy,) if walls.proxy else (),
            )
        if not walls.namespaces:
            kernel.let_any_trace()
        root = os.open("/", os.O_PATH | os.O_CLOEXEC)
        listener = bpf.install(notify=walls.notify)
        say(channel, listener=listener, root=root, door=-1 if door is None else door.fileno())
        _be_let_go(channel, (listener, root))
        if door is not None:
            door.close()
        if walls.namespaces:
            # Its memory is a copy of greenlight's: nobody in the box may ever look at it.
            kernel.be_undumpable()
        step = os.fork()
        if step == 0:
            _step(channel, command, pipes)
        for pipe in pipes:
            os.close(pipe)
        if not walls.namespaces:
            say(channel, step=step)  # no kernel ends its group with us
        _wait(channel, step)
    except BaseException as error:  # noqa: BLE001 - the last thing that this process does
        _fail(channel, "keeper", error)


def _be_let_go(channel: socket.socket, taken: tuple[int, ...]) -> None:
    """Wait until the parent has taken these descriptors, and close them."""
    if channel.recv(16) != b"go":
        os._exit(_FAILED)
    for descriptor in taken:
        if descriptor >= 0:
            os.close(descriptor)


def _door(port: int) -> socket.socket:
    """Make the socket of the box that is answered from outside."""
    kernel.raise_loopback()
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    door.bind(("127.0.0.1", port))
    door.listen(128)
    return door


def _wait(channel: socket.socket, step: int) -> NoReturn:
    """Reap until the step itself has ended; then say how, and end the box."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == step:
            break
    left = 0
    try:
        while True:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                left = 1
                break
    except ChildProcessError:
        pass
    say(channel, ended=status, left=left)
    os._exit(0)


def _step(channel: socket.socket, command: Command, pipes: tuple[int, int]) -> NoReturn:
    try:
        kernel.be_dumpable()  # so that the supervisor can read what it asks for
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them
            signal.signal(number, signal.SIG_DFL)
        nothing = os.open("/dev/null", os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(pipes[0], 1)
        os.dup2(pipes[1], 2)
        os.umask(UMASK)
        os.chdir(command.cwd)
        keep = channel.fileno()
        os.dup2(keep, 3, inheritable=False)
        kernel.close_from(4)
        os.execvpe(command.argv[0], command.argv, dict(command.env))  # noqa: S606 - its purpose
    except OSError as error:
        os.write(3, json.dumps({"not_started": error.errno}).encode())
    except BaseException as error:  # noqa: BLE001 - the last thing that this process does
        os.write(3, json.dumps({"failed": f"step: {error}"}).encode())
    os._exit(_FAILED)


def _limit(limits: Limits) -> None:
    for kind, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_NPROC, limits.processes),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.files),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        within = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (within, within))


def _executable(layout: tree.Layout) -> tuple[str, ...]:
    return ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix", *layout.readable)


def _writable(layout: tree.Layout) -> tuple[str, ...]:
    return (str(layout.folder / "root"), str(layout.folder / "tmp"))


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode("ascii"))
    finally:
        os.close(descriptor)


def _fail(channel: socket.socket, who: str, error: BaseException) -> NoReturn:
    try:
        say(channel, failed=f"{who}: {error}")
    finally:
        os._exit(_FAILED)
