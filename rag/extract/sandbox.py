"""What a process gives up before it parses a stranger's file: memory, time, network, writing."""

import ctypes
import os
import resource
import signal
import struct
import sys
from collections.abc import Iterable
from math import ceil
from pathlib import Path

from rag.extract.limits import Limits

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_DUMPABLE = 4
# Source: linux/landlock.h; the numbers of the calls are the same on every architecture.
_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_LANDLOCK_ALL_OF_ABI_1 = (1 << 13) - 1
_LANDLOCK_READ = (1 << 2) | (1 << 3)

_libc = ctypes.CDLL(None, use_errno=True)


def confine(limits: Limits, parent_pid: int, readable: Iterable[Path] = ()) -> None:
    """Bounds this process for good; a kernel that refuses a part of it leaves the rest in force.

    Of the file system only the libraries can be read, and the `readable` folders.
    """
    # Read first: later on /proc is out of reach.
    address_space = address_space_bytes() + limits.max_memory_bytes
    _die_with_parent(parent_pid)
    cut_network()
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    _allow_only_reading_of({*_library_folders(), *map(str, readable)})
    _limit(resource.RLIMIT_AS, address_space)
    # At the lower bound the kernel sends SIGXCPU, which tells the reason; at the upper SIGKILL.
    _limit(resource.RLIMIT_CPU, limits.max_cpu_s, limits.max_cpu_s + ceil(limits.max_ocr_s) + 5)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NPROC, 0)


def set_alarm(seconds: float) -> None:
    """Ends this process when that time has passed."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def add_time(seconds: float) -> None:
    """Puts off the alarm, if one is set, and the lower bound of computing as far as the upper one allows."""
    left_s = signal.getitimer(signal.ITIMER_REAL)[0]
    if left_s:
        signal.setitimer(signal.ITIMER_REAL, max(left_s + seconds, 0.001))
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_CPU, (min(soft + ceil(seconds), hard), hard))


def cut_network() -> bool:
    """Whether this process now has a network of its own, without any way out."""
    if _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
        return True
    return bool(_libc.unshare(_CLONE_NEWNET) == 0)


def address_space_bytes() -> int:
    """The address space that this process has now."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    return int(pages) * resource.getpagesize()


def _die_with_parent(parent_pid: int) -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:
        os._exit(1)


def _limit(kind: int, soft: int, hard: int | None = None) -> None:
    inherited = resource.getrlimit(kind)[1]
    bounds = [soft, soft if hard is None else hard]
    if inherited != resource.RLIM_INFINITY:
        bounds = [min(bound, inherited) for bound in bounds]
    resource.setrlimit(kind, (bounds[0], bounds[1]))


def _allow_only_reading_of(folders: set[str]) -> None:
    """Shuts the file system but for these folders; some parsers still load libraries late."""
    handled = struct.pack("Q", _LANDLOCK_ALL_OF_ABI_1)
    ruleset = _libc.syscall(_LANDLOCK_CREATE_RULESET, handled, len(handled), 0)
    if ruleset < 0:
        return
    for folder in folders:
        descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("=Qi", _LANDLOCK_READ, descriptor)
        _libc.syscall(_LANDLOCK_ADD_RULE, ruleset, 1, rule, 0)
        os.close(descriptor)
    _libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _library_folders() -> set[str]:
    folders = {*sys.path, sys.prefix, sys.base_prefix, "/usr/lib", "/usr/share/zoneinfo", "/lib", "/lib64"}
    return {folder for folder in folders if folder and Path(folder).is_dir()}
