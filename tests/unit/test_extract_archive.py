"""ZIP archives: what comes out, and what is refused whole before anything does."""

import io
import os
import stat
import struct
import zipfile
from collections.abc import Callable
from contextlib import aclosing, suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.errors import Unreadable
from rag.extract import Limits, is_archive, unpack
from rag.extract.archive import checked_members, contents, is_inside, open_archive
from rag.extract.wire import Block, Entry, Frames, frame
from tests.unit.reading import unpacked

LIMITS = Limits(max_members=20, max_unpacked_bytes=40 * 2**20, max_file_bytes=30 * 2**20)


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def changed(data: bytes, offset: int, value: bytes) -> bytes:
    """The archive with other bytes in the last entry of its list of members."""
    place = data.rindex(b"PK\x01\x02") + offset
    return data[:place] + value + data[place + len(value) :]


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[bytes], Path]:
    def store(data: bytes) -> Path:
        path = tmp_path / "in.zip"
        path.write_bytes(data)
        return path

    return store


def refusal(data: bytes, limits: Limits = LIMITS) -> str:
    """Why the archive is refused; nothing came out before."""
    with pytest.raises(Unreadable) as caught, open_archive(io.BytesIO(data)) as archive:
        checked_members(archive, limits)
    return str(caught.value)


def names(data: bytes) -> list[str]:
    with open_archive(io.BytesIO(data)) as archive:
        found = contents(archive, checked_members(archive, LIMITS))
        return [each.name for each in found if isinstance(each, Entry)]


async def refusal_by_process(path: Path, limits: Limits = LIMITS) -> str:
    with pytest.raises(Unreadable) as caught:
        await unpacked(path, limits)
    return str(caught.value)


async def test_members_come_out_with_their_paths_and_bytes(stored: Callable[[bytes], Path]) -> None:
    files = {"a.txt": b"one", "empty.txt": b"", "sub/b.bin": os.urandom(3 * 2**20 + 1), "c.txt": b"two"}
    assert await unpacked(stored(zipped(files)), LIMITS) == files


async def test_a_member_is_gone_when_the_next_one_comes(stored: Callable[[bytes], Path]) -> None:
    async with aclosing(unpack(stored(zipped({"a.txt": b"a", "b.txt": b"b"})), LIMITS)) as members:
        first = await anext(members)
        await anext(members)
    assert first.file.closed


async def test_who_stops_taking_members_leaves_no_process(stored: Callable[[bytes], Path]) -> None:
    before = children()
    path = stored(zipped({"a.txt": b"a", "b.bin": os.urandom(2**23)}))
    async with aclosing(unpack(path, LIMITS)) as members:
        await anext(members)
        assert len(children()) == len(before) + 1
    assert children() == before


def children() -> set[str]:
    listed = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {pid for file in listed for pid in file.read_text().split()}


async def test_a_hostile_archive_is_refused_with_its_reason_and_nothing_comes_out(
    stored: Callable[[bytes], Path],
) -> None:
    path = stored(zipped({"good.txt": b"good", "bomb.txt": bytes(20 * 2**20)}))
    assert "far more than its own size" in await refusal_by_process(path)


async def test_unpacking_has_little_memory_and_time(stored: Callable[[bytes], Path]) -> None:
    data = zipped({"a.txt": os.urandom(2**20)}, zipfile.ZIP_LZMA)
    # The header of LZMA may ask for a window of four gigabytes.
    place = data.index(b"PK\x03\x04") + 30 + len("a.txt") + 5
    greedy = data[:place] + struct.pack("<I", 2**32 - 1) + data[place + 4 :]
    assert "memory" in await refusal_by_process(stored(greedy))
    slow = zipped({f"{number}.txt": bytes(9 * 2**20) for number in range(4)})
    assert "took longer" in await refusal_by_process(stored(slow), Limits(max_wall_s=0.001))


async def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    assert "missing" in await refusal_by_process(tmp_path / "gone.zip")
    assert "missing" in await refusal_by_process(tmp_path)


def test_hidden_members_and_litter_are_left_out() -> None:
    litter = (".git/config", "__MACOSX/._a.txt", "sub/.DS_Store", "Thumbs.db")
    assert names(zipped(dict.fromkeys((*litter, "a.txt"), b"x"))) == ["a.txt"]


@pytest.mark.parametrize(
    "name",
    ["../up.txt", "a/../../up.txt", "/etc/passwd", "C:\\up.txt", "a\\..\\..\\up.txt", "a/.\u202e./../up.txt"],
)
def test_a_name_that_leads_outside_refuses_the_whole_archive(name: str) -> None:
    assert "outside" in refusal(zipped({"good.txt": b"good", name: b"bad"}))


def test_a_link_refuses_the_whole_archive() -> None:
    buffer = io.BytesIO(zipped({"good.txt": b"good"}))
    with zipfile.ZipFile(buffer, "a") as archive:
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert "links" in refusal(buffer.getvalue())


def test_a_bomb_is_refused_by_its_ratio() -> None:
    assert "far more than its own size" in refusal(zipped({"bomb.txt": bytes(20 * 2**20)}))


def test_many_members_together_are_refused_by_their_sum() -> None:
    files = {f"{number}.txt": bytes(9 * 2**20) for number in range(5)}
    assert "unpacks to over 40 MB" in refusal(zipped(files))


def test_too_many_members_are_refused() -> None:
    assert "more than 20 files" in refusal(zipped({f"{number}.txt": b"x" for number in range(21)}))


def test_members_that_share_their_bytes_are_refused() -> None:
    data = zipped({"a.txt": b"text " * 100})
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    twice = data[:start] + data[start:end] * 2 + data[end:]
    place = len(twice) - 22
    tail = struct.pack("<HHII", 2, 2, 2 * (end - start), start)
    assert "one over the other" in refusal(twice[: place + 8] + tail + twice[place + 20 :])


@pytest.mark.parametrize("size", [10, 0])
def test_a_size_that_is_declared_too_small_is_found_out(size: int) -> None:
    assert "damaged" in refusal(changed(zipped({"a.txt": b"text " * 100}), 24, struct.pack("<I", size)))


def test_a_size_that_is_declared_too_large_is_refused_without_unpacking() -> None:
    assert "over 30 MB" in refusal(changed(zipped({"a.txt": b"text"}), 24, struct.pack("<I", 2**30)))


def test_a_wrong_check_sum_is_found_out() -> None:
    assert "damaged" in refusal(changed(zipped({"a.txt": b"text " * 100}), 16, b"\0\0\0\0"))


def test_an_archive_in_an_archive_is_refused_whatever_its_name() -> None:
    inner = zipped({"a.txt": b"a"})
    assert "another archive (notes.txt)" in refusal(zipped({"good.txt": b"good", "notes.txt": inner}))


def test_an_office_file_in_an_archive_comes_out() -> None:
    office = zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<document/>"})
    assert names(zipped({"a.docx": office})) == ["a.docx"]


def test_an_encrypted_archive_asks_for_the_password_to_be_removed() -> None:
    data = zipped({"a.txt": b"a"})
    assert "password" in refusal(changed(data, 8, bytes([data[data.rindex(b"PK\x01\x02") + 8] | 1])))


def test_an_archive_without_files_is_refused() -> None:
    assert "no files" in refusal(zipped({}))


def test_names_lose_what_deceives_the_eye() -> None:
    assert names(zipped({"report\u202efdp.txt": b"x", "a\\b.txt": b"x"})) == ["reportfdp.txt", "a/b.txt"]


def test_a_name_ends_at_its_nul() -> None:
    data = zipped({"a.txt_.exe": b"x"}).replace(b"a.txt_.exe", b"a.txt\0.exe")
    assert names(data) == ["a.txt"]


async def test_a_name_as_long_as_the_format_allows_comes_out(stored: Callable[[bytes], Path]) -> None:
    long = "a/" * 30_000 + "b.txt"
    assert list(await unpacked(stored(zipped({long: b"x"})), LIMITS)) == [long]


def test_names_in_utf_8_without_the_flag_are_mended() -> None:
    data = zipped({"año.txt": b"x"})
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.index(mark) + offset
        flags = struct.unpack_from("<H", data, place)[0] & ~0x800
        data = data[:place] + struct.pack("<H", flags) + data[place + 2 :]
    assert names(data) == ["año.txt"]


def test_only_a_zip_that_is_no_document_is_an_archive() -> None:
    office = zipped({"word/document.xml": b"<document/>"})
    answers = {b"text": False, office: False, zipped({"a.txt": b"a"}): True, b"PK\x03\x04" + bytes(99): False}
    assert {data: is_archive(io.BytesIO(data), "a") for data in answers} == answers


def test_a_list_of_members_that_never_ends_is_not_read_to_tell_the_type() -> None:
    read: list[int] = []

    class Counted(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            read.append(len(data))
            return data

    entry = zipped({"a" * 60_000: b""})
    start, end = entry.index(b"PK\x01\x02"), entry.index(b"PK\x05\x06")
    endless = entry[:start] + entry[start:end] * 500
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 500, 500, 500 * (end - start), start, 0)
    assert is_archive(Counted(endless + tail), "a.zip")
    assert sum(read) < 5 * 2**20 < len(endless)


def test_a_frame_beyond_the_limit_is_refused_before_it_is_collected() -> None:
    assert list(Frames(100).feed(frame(Block(b"x" * 50))))
    with pytest.raises(msgspec.DecodeError):
        list(Frames(100).feed(struct.pack(">Q", 2**60) + b"x"))


@given(st.integers(0, 400), st.binary(min_size=1, max_size=20))
@example(188, bytes(3)).via("a name that is empty, which zipfile trips over")
def test_a_damaged_archive_is_read_or_refused_but_nothing_else(place: int, noise: bytes) -> None:
    data = bytearray(zipped({"a.txt": b"some text " * 30, "b.txt": b"more"}))
    data[place : place + len(noise)] = noise
    with suppress(Unreadable), open_archive(io.BytesIO(data)) as archive:
        found = list(contents(archive, checked_members(archive, LIMITS)))
        assert all(is_inside(each.name) for each in found if isinstance(each, Entry))
