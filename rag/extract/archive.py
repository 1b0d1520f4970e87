"""ZIP archives -> members; a hostile archive is refused whole before anything comes out."""

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from msgspec import Struct

from rag.errors import Unreadable
from rag.extract.limits import RATIO_MATTERS_FROM_BYTES, Limits
from rag.extract.media import BROKEN_ZIP, PROTECTED, REFUSED, ZIP, media_type

_BLOCK_BYTES = 2**20
_PACKED = (b"PK", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")
_NESTED = {ZIP, "application/gzip", "application/x-7z-compressed", "application/vnd.rar", BROKEN_ZIP}
_LITTER = {"thumbs.db", "desktop.ini", "__macosx"}
# Controls and marks that turn the direction of writing hide what a name really says.
_DECEIVING = re.compile(r"[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# What zipfile raises for a broken member.
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)


class Member(Struct, frozen=True):
    """One file of an archive; `name` is its path inside, with `/`."""

    name: str
    data: bytes


def unpack(path: Path, limits: Limits) -> Iterator[Member]:
    """The archive's files, hidden ones left out; all are checked before the first comes out.

    Raises: Unreadable when the archive is broken, encrypted, empty, too large, or could do harm.
    """
    with _opened(path) as archive:
        infos = _wanted(archive, limits)
        check_sizes(archive, limits)
        for info in infos:
            _refuse_nested(archive, info)
        for info in infos:
            yield Member(_DECEIVING.sub("", readable_name(info)), archive.read(info))


def check_sizes(archive: zipfile.ZipFile, limits: Limits, *, tolerant: bool = False) -> None:
    """Nothing, when every member inflates within the limits; sizes are counted, not believed.

    `tolerant` passes over members that are broken, for readers that can do without one.
    Raises: Unreadable when members are too many, too large, encrypted, or packed as densely as a bomb.
    """
    infos = archive.infolist()
    if len(infos) > limits.max_members:
        raise Unreadable(
            f"The archive holds more than {limits.max_members:,} files; split it into smaller ones."
        )
    total = 0
    for info in infos:
        if info.flag_bits & 0x1:
            raise Unreadable(REFUSED[PROTECTED])
        try:
            for count in _inflated(archive, info, limits):
                if total + count > limits.max_unpacked_bytes:
                    raise Unreadable(
                        f"The file unpacks to over {limits.max_unpacked_bytes >> 20} MB; split it."
                    )
            total += count
        except BROKEN as error:
            if not tolerant:
                raise Unreadable(REFUSED[BROKEN_ZIP]) from error


def readable_name(info: zipfile.ZipInfo) -> str:
    """The member's name; UTF-8 that was stored without its flag, as macOS does, is mended."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except BROKEN as error:
        raise Unreadable(REFUSED[BROKEN_ZIP]) from error


def _wanted(archive: zipfile.ZipFile, limits: Limits) -> list[zipfile.ZipInfo]:
    for info in archive.infolist():
        _refuse_harmful(info)
    infos = [info for info in archive.infolist() if not info.is_dir() and not _is_hidden(info)]
    if not infos:
        raise Unreadable("The archive holds no files; check the original and pack it anew.")
    if any(info.file_size > limits.max_file_bytes for info in infos):
        raise Unreadable(
            f"The archive holds a file of over {limits.max_file_bytes >> 20} MB; split that file."
        )
    return infos


def _refuse_harmful(info: zipfile.ZipInfo) -> None:
    name = readable_name(info).replace("\\", "/")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in PurePosixPath(name).parts:
        raise Unreadable("The archive names files outside of itself; pack it anew.")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Unreadable("The archive holds links or devices; pack it anew with files only.")


def _is_hidden(info: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(readable_name(info).replace("\\", "/")).parts
    return any(part.startswith(".") or part.lower() in _LITTER for part in parts)


def _inflated(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Limits) -> Iterator[int]:
    """The count of bytes so far, block by block, at least once."""
    count = 0
    yield count
    with archive.open(info) as member:
        while block := member.read(_BLOCK_BYTES):
            count += len(block)
            if count > max(RATIO_MATTERS_FROM_BYTES, limits.max_ratio * info.compress_size):
                raise Unreadable("The file unpacks to far more than its own size, as only hostile ones do.")
            yield count


def _refuse_nested(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    with archive.open(info) as member:
        head = member.read(8)
    if not head.startswith(_PACKED):
        return
    with archive.open(info) as member:
        if media_type(io.BytesIO(member.read()), info.filename) in _NESTED:
            raise Unreadable(f"The archive holds another archive ({readable_name(info)}); unpack it first.")
