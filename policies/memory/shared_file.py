"""Files that all worker threads of a gateway's Envoy share: where they lie, how they are made."""

import ctypes
import mmap
import os
import platform
import shutil
import stat
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

LUA = Path(__file__).with_name("memory.lua")
"""A file for `script`: maps such a file, locks, hashes and tells the time."""
LOCK_BYTES = 128
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own inside is made, and refused when it is another's


class Unusable(OSError):
    """The file cannot be made."""


@dataclass(frozen=True)
class SharedFile:
    """`folder`, in the state folder, is a link into memory where that has room, and a folder otherwise.

    Each file has a folder of its own: one that does not fit into memory takes no other with it.
    """

    folder: str
    name: str
    suffix: str = ""

    def path(self, state: Path) -> Path:
        """Where a gateway with this state folder has it."""
        return state.absolute() / self.folder / self.name

    def prepare(self, state: Path, is_usable: Callable[[Path], bool], create: Callable[[Path], None]) -> None:
        """Makes the file unless a usable one is there; then what it holds stays, whatever crashed.

        Call it before Envoy starts. It is harmless while one runs. Raises OSError.
        """
        file = self.path(state)
        folder = self._memory_folder(state)
        is_copied = file.parent.is_symlink() and file.parent.readlink() != folder
        if not is_copied and is_usable(file):
            return
        _sweep()
        try:
            _place(file.parent, folder)
            create(file)
        except OSError:
            _place(file.parent, None)
            create(file)

    def _memory_folder(self, state: Path) -> Path:
        digest = sha256(str(state.absolute()).encode()).hexdigest()[:16]
        return MEMORY / f"gatewright-{os.geteuid()}-{digest}{self.suffix}"


def is_mapped(file: Path) -> bool:
    """Whether a process of ours, such as an Envoy that outlived its agent, uses the file."""
    try:
        sought = f" {file.resolve()}\n"
    except OSError:
        return False
    for maps in Path("/proc").glob("[0-9]*/maps"):
        try:
            if sought in maps.read_text(errors="replace"):
                return True
        except OSError:
            continue
    return False


def identity() -> bytes:
    """What must be the same for a file's times and locks to mean anything: 64 bytes at most."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {platform.machine()}".encode()


def is_whole(file: Path, header: struct.Struct, size: int, *known: object) -> bool:
    """Whether it has this size, and a header that begins with what is `known` and ends with our identity.

    A None stands for whatever is there.
    """
    try:
        with file.open("rb") as opened:
            *fields, found = header.unpack(opened.read(header.size))
    except (OSError, struct.error):
        return False
    is_known = all(one in (None, field) for one, field in zip(known, fields, strict=False))
    return is_known and file.stat().st_size == size and found.rstrip(b"\0") == identity()


def create(file: Path, size: int, reserved: int, fill: Callable[[mmap.mmap], None]) -> None:
    """Writes the file beside its place and moves it there: nobody sees half of it.

    The first `reserved` bytes have their room from now on; the rest has it when it is written.
    """
    beside = file.with_name(f".{file.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        # Reserved now: a full disk is an error here, and would be a crash of Envoy later.
        os.posix_fallocate(descriptor, 0, reserved)
        os.ftruncate(descriptor, size)
        with mmap.mmap(descriptor, reserved) as memory:
            fill(memory)
        beside.replace(file)
    finally:
        os.close(descriptor)
        beside.unlink(missing_ok=True)


def make_locks(memory: mmap.mmap, offsets: Iterable[int]) -> None:
    """A robust mutex that processes share at each of these places. Raises Unusable."""
    libc = ctypes.CDLL(None)
    attributes = ctypes.create_string_buffer(64)
    shared, robust = 1, 1
    libc.pthread_mutexattr_init(attributes)
    libc.pthread_mutexattr_setpshared(attributes, shared)
    libc.pthread_mutexattr_setrobust(attributes, robust)
    for offset in offsets:
        lock = (ctypes.c_char * LOCK_BYTES).from_buffer(memory, offset)
        failed = libc.pthread_mutex_init(lock, attributes)
        del lock  # The mapping cannot be closed while something points into it.
        if failed:
            raise Unusable(failed, "this system has no locks that processes can share")


def _place(link: Path, folder: Path | None) -> None:
    """Makes `link` a link to the folder, which is made and must be ours; or itself a folder."""
    if link.is_symlink():
        link.unlink()
    if folder is None or (link.is_dir() and any(link.iterdir())):
        link.mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise Unusable(f"{folder} belongs to somebody else")
    (folder / "state").unlink(missing_ok=True)
    (folder / "state").symlink_to(link.parent.absolute())
    if link.is_dir():
        link.rmdir()
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(folder)


def _sweep() -> None:
    """Frees the memory of gateways whose state folder is gone."""
    for folder in MEMORY.glob(f"gatewright-{os.geteuid()}-*"):
        state = folder / "state"
        if state.is_symlink() and not state.exists():
            # Another gateway that starts may be sweeping too.
            shutil.rmtree(folder, ignore_errors=True)
