"""The system calls that the recorder is asked about, and those that are refused.

By machine, since older calls have other numbers on each; a name that a machine lacks is left
out.  What is refused is refused for every argument: no step needs it, and each of them has
been a way out of a sandbox.
"""

from __future__ import annotations

import errno
from typing import Final

from greenlight.execution.box.kernel import MACHINE

X86_64: Final = {
    "open": 2, "creat": 85, "openat": 257, "openat2": 437, "unlink": 87, "unlinkat": 263,
    "rename": 82, "renameat": 264, "renameat2": 316, "mkdir": 83, "mkdirat": 258, "rmdir": 84,
    "link": 86, "linkat": 265, "symlink": 88, "symlinkat": 266, "truncate": 76, "chmod": 90,
    "fchmodat": 268, "fchmodat2": 452, "chown": 92, "lchown": 94, "fchownat": 260,
    "mknod": 133, "mknodat": 259, "setxattr": 188, "lsetxattr": 189, "removexattr": 197,
    "lremovexattr": 198, "execve": 59, "execveat": 322, "connect": 42, "bind": 49,
    "sendto": 44, "sendmsg": 46, "sendmmsg": 307, "socket": 41, "clone": 56,
    "io_uring_setup": 425, "ptrace": 101, "mount": 165, "umount2": 166, "pivot_root": 155,
    "chroot": 161, "unshare": 272, "setns": 308, "bpf": 321, "kexec_load": 246,
    "kexec_file_load": 320, "init_module": 175, "finit_module": 313, "delete_module": 176,
    "process_vm_readv": 310, "process_vm_writev": 311, "userfaultfd": 323, "add_key": 248,
    "request_key": 249, "keyctl": 250, "open_by_handle_at": 304, "name_to_handle_at": 303,
    "perf_event_open": 298, "clock_settime": 227, "clock_adjtime": 305, "settimeofday": 164,
    "adjtimex": 159, "sethostname": 170, "setdomainname": 171, "swapon": 167, "swapoff": 168,
    "reboot": 169, "iopl": 172, "ioperm": 173, "acct": 163, "quotactl": 179, "syslog": 103,
    "kcmp": 312, "pidfd_getfd": 438, "open_tree": 428, "move_mount": 429, "fsopen": 430,
    "fsconfig": 431, "fsmount": 432, "fspick": 433, "mount_setattr": 442, "clone3": 435,
    "ioctl": 16,
}  # fmt: skip
AARCH64: Final = {
    "openat": 56, "openat2": 437, "unlinkat": 35, "renameat": 38, "renameat2": 276,
    "mkdirat": 34, "linkat": 37, "symlinkat": 36, "truncate": 45, "fchmodat": 53,
    "fchmodat2": 452, "fchownat": 54, "mknodat": 33, "setxattr": 5, "lsetxattr": 6,
    "removexattr": 14, "lremovexattr": 15, "execve": 221, "execveat": 281, "connect": 203,
    "bind": 200, "sendto": 206, "sendmsg": 211, "sendmmsg": 269, "socket": 198, "clone": 220,
    "io_uring_setup": 425, "ptrace": 117, "mount": 40, "umount2": 39, "pivot_root": 41,
    "chroot": 51, "unshare": 97, "setns": 268, "bpf": 280, "kexec_load": 104,
    "kexec_file_load": 294, "init_module": 105, "finit_module": 273, "delete_module": 106,
    "process_vm_readv": 270, "process_vm_writev": 271, "userfaultfd": 282, "add_key": 217,
    "request_key": 218, "keyctl": 219, "open_by_handle_at": 265, "name_to_handle_at": 264,
    "perf_event_open": 241, "clock_settime": 112, "clock_adjtime": 266, "settimeofday": 170,
    "adjtimex": 171, "sethostname": 161, "setdomainname": 162, "swapon": 224, "swapoff": 225,
    "reboot": 142, "acct": 89, "quotactl": 60, "syslog": 116, "kcmp": 272, "pidfd_getfd": 438,
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432,
    "fspick": 433, "mount_setattr": 442, "clone3": 435, "ioctl": 29,
}  # fmt: skip

# AUDIT_ARCH_*: any other way of calling the kernel on this machine ends the step.
ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

NUMBERS: Final[dict[str, int]] = {"x86_64": X86_64, "aarch64": AARCH64}.get(MACHINE, {})
NAMES: Final = {number: name for name, number in NUMBERS.items()}

# Answered with an error after they were recorded.
REFUSED: Final = {
    "io_uring_setup": errno.ENOSYS,  # as where it is switched off: programs fall back
    **dict.fromkeys(
        (
            "ptrace", "mount", "umount2", "pivot_root", "chroot", "unshare", "setns", "bpf",
            "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module",
            "process_vm_readv", "process_vm_writev", "userfaultfd", "add_key", "request_key",
            "keyctl", "open_by_handle_at", "perf_event_open", "clock_settime", "clock_adjtime",
            "settimeofday", "adjtimex", "sethostname", "setdomainname", "swapon", "swapoff",
            "reboot", "iopl", "ioperm", "acct", "quotactl", "syslog", "kcmp", "pidfd_getfd",
            "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick",
            "mount_setattr",
        ),
        errno.EPERM,
    ),
}  # fmt: skip

# Recorded, and let through or refused by what they are about.
PATHS: Final = (
    "creat", "openat2", "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir",
    "mkdirat", "rmdir", "link", "linkat", "symlink", "symlinkat", "truncate", "chmod",
    "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "mknod", "mknodat", "setxattr",
    "lsetxattr", "removexattr", "lremovexattr",
)  # fmt: skip
PROGRAMS: Final = ("execve", "execveat")
NETWORK: Final = ("connect", "bind", "sendmsg", "sendmmsg")
