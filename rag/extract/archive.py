"""ZIP archives -> what they hold, inside the jail; a hostile one is refused before anything comes out."""

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import PurePosixPath
from typing import BinaryIO

from rag.errors import Unreadable
from rag.extract.limits import RATIO_MATTERS_FROM_BYTES, Limits
from rag.extract.media import BROKEN_ZIP, PROTECTED, REFUSED, ZIP, media_type
from rag.extract.wire import MOST_BLOCK_BYTES, Block, Entry

_PACKED = (b"PK", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")
_NESTED = {ZIP, "application/gzip", "application/x-7z-compressed", "application/vnd.rar", BROKEN_ZIP}
_LITTER = {"thumbs.db", "desktop.ini", "__macosx"}
# Controls and marks that turn the direction of writing hide what a name really says.
_DECEIVING = re.compile(r"[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LOCAL_HEADER_BYTES = 30
# What zipfile raises for a broken member.
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)


def open_archive(file: BinaryIO) -> zipfile.ZipFile:
    """The archive.

    Raises: Unreadable when its list of members is broken.
    """
    try:
        return zipfile.ZipFile(file)
    except BROKEN as error:
        raise Unreadable(REFUSED[BROKEN_ZIP]) from error


def checked_members(archive: zipfile.ZipFile, limits: Limits) -> list[zipfile.ZipInfo]:
    """The files of the archive, hidden ones left out, after all of it was found harmless.

    Raises: Unreadable when the archive is broken, encrypted, empty, too large, or could do harm.
    """
    _refuse_many(archive, limits)
    infos = _wanted(archive, limits)
    _refuse_overlaps(archive)
    check_sizes(archive, limits)
    for info in infos:
        _refuse_nested(archive, info)
    return infos


def contents(archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo]) -> Iterator[Entry | Block]:
    """The members one after another, each by its name and then its bytes in blocks."""
    for info in infos:
        yield Entry(member_name(info))
        with archive.open(info) as member:
            while block := member.read(MOST_BLOCK_BYTES):
                yield Block(block)


def member_name(info: zipfile.ZipInfo) -> str:
    """The member's path inside, with `/` and without what deceives the eye."""
    return _DECEIVING.sub("", _readable_name(info)).replace("\\", "/")


def is_inside(name: str) -> bool:
    """Whether a path inside an archive stays below the folder it is unpacked to."""
    return not (name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in PurePosixPath(name).parts)


def check_sizes(archive: zipfile.ZipFile, limits: Limits, *, tolerant: bool = False) -> None:
    """Nothing, when every member inflates within the limits; sizes are counted, not believed.

    `tolerant` passes over members that are broken, for readers that can do without one.
    Raises: Unreadable when members are too many, too large, encrypted, or packed as densely as a bomb.
    """
    _refuse_many(archive, limits)
    total = 0
    for info in archive.infolist():
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


def _readable_name(info: zipfile.ZipInfo) -> str:
    """The name as stored; UTF-8 without its flag, as macOS writes it, is mended."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _refuse_many(archive: zipfile.ZipFile, limits: Limits) -> None:
    if len(archive.infolist()) > limits.max_members:
        raise Unreadable(
            f"The archive holds more than {limits.max_members:,} files; split it into smaller ones."
        )


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
    if not info.filename:
        raise Unreadable(REFUSED[BROKEN_ZIP])
    if not is_inside(member_name(info)):
        raise Unreadable("The archive names files outside of itself; pack it anew.")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Unreadable("The archive holds links or devices; pack it anew with files only.")


def _refuse_overlaps(archive: zipfile.ZipFile) -> None:
    """Members that share bytes make a small file large without packing any of them densely.

    Source: D. Fifield, A better zip bomb (2019).
    """
    ordered = sorted(archive.infolist(), key=lambda info: info.header_offset)
    for info, following in pairwise(ordered):
        if info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size > following.header_offset:
            raise Unreadable("The archive's files lie one over the other, as only hostile ones do.")


def _is_hidden(info: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(member_name(info)).parts
    return any(part.startswith(".") or part.lower() in _LITTER for part in parts)


def _inflated(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Limits) -> Iterator[int]:
    """The count of bytes so far, block by block, at least once."""
    count = 0
    yield count
    with archive.open(info) as member:
        while block := member.read(MOST_BLOCK_BYTES):
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
            raise Unreadable(f"The archive holds another archive ({member_name(info)}); unpack it first.")
