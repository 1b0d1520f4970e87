"""ZIP archives: what comes out, and what is refused whole before anything does."""

import io
import stat
import struct
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import Unreadable
from rag.extract import Limits, Member, unpack

LIMITS = Limits(max_members=20, max_unpacked_bytes=40 * 2**20, max_file_bytes=30 * 2**20)


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[bytes], Path]:
    def store(data: bytes) -> Path:
        path = tmp_path / "in.zip"
        path.write_bytes(data)
        return path

    return store


def refusal(path: Path, limits: Limits = LIMITS) -> str:
    with pytest.raises(Unreadable) as caught:
        next(unpack(path, limits))
    return str(caught.value)


def test_members_come_out_with_their_paths_and_bytes(stored: Callable[[bytes], Path]) -> None:
    files = {"a.txt": b"one", "sub/b.md": b"two"}
    assert list(unpack(stored(zipped(files)), LIMITS)) == [Member(name, data) for name, data in files.items()]


def test_hidden_members_and_litter_are_left_out(stored: Callable[[bytes], Path]) -> None:
    files = {
        ".git/config": b"x",
        "__MACOSX/._a.txt": b"x",
        "sub/.DS_Store": b"x",
        "Thumbs.db": b"x",
        "a.txt": b"a",
    }
    assert [member.name for member in unpack(stored(zipped(files)), LIMITS)] == ["a.txt"]


@pytest.mark.parametrize(
    "name", ["../up.txt", "a/../../up.txt", "/etc/passwd", "C:\\up.txt", "a\\..\\..\\up.txt"]
)
def test_a_name_that_leads_outside_refuses_the_whole_archive(
    name: str, stored: Callable[[bytes], Path]
) -> None:
    assert "outside" in refusal(stored(zipped({"good.txt": b"good", name: b"bad"})))


def test_a_link_refuses_the_whole_archive(stored: Callable[[bytes], Path]) -> None:
    buffer = io.BytesIO(zipped({"good.txt": b"good"}))
    with zipfile.ZipFile(buffer, "a") as archive:
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert "links" in refusal(stored(buffer.getvalue()))


def test_a_bomb_is_refused_by_its_ratio(stored: Callable[[bytes], Path]) -> None:
    assert "far more than its own size" in refusal(stored(zipped({"bomb.txt": bytes(20 * 2**20)})))


def test_many_members_together_are_refused_by_their_sum(stored: Callable[[bytes], Path]) -> None:
    files = {f"{number}.txt": bytes(9 * 2**20) for number in range(5)}
    assert "unpacks to over 40 MB" in refusal(stored(zipped(files)))


def test_too_many_members_are_refused(stored: Callable[[bytes], Path]) -> None:
    assert "more than 20 files" in refusal(stored(zipped({f"{number}.txt": b"x" for number in range(21)})))


def test_a_false_declared_size_is_found_out(stored: Callable[[bytes], Path]) -> None:
    data = bytearray(zipped({"a.txt": b"text " * 100}))
    directory = data.rindex(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = struct.pack("<I", 10)
    assert "damaged" in refusal(stored(bytes(data)))


def test_an_archive_in_an_archive_is_refused_whatever_its_name(stored: Callable[[bytes], Path]) -> None:
    inner = zipped({"a.txt": b"a"})
    assert "another archive (notes.txt)" in refusal(stored(zipped({"good.txt": b"good", "notes.txt": inner})))


def test_an_office_file_in_an_archive_comes_out(stored: Callable[[bytes], Path]) -> None:
    office = zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<document/>"})
    assert [member.name for member in unpack(stored(zipped({"a.docx": office})), LIMITS)] == ["a.docx"]


def test_an_encrypted_archive_asks_for_the_password_to_be_removed(stored: Callable[[bytes], Path]) -> None:
    data = bytearray(zipped({"a.txt": b"a"}))
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    assert "password" in refusal(stored(bytes(data)))


def test_an_archive_without_files_is_refused(stored: Callable[[bytes], Path]) -> None:
    assert "no files" in refusal(stored(zipped({})))


def test_names_lose_what_deceives_the_eye(stored: Callable[[bytes], Path]) -> None:
    (member,) = unpack(stored(zipped({"report\u202efdp.txt": b"x"})), LIMITS)
    assert member.name == "reportfdp.txt"


def test_names_in_utf_8_without_the_flag_are_mended(stored: Callable[[bytes], Path]) -> None:
    data = zipped({"año.txt": b"x"})
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.index(mark) + offset
        flags = struct.unpack_from("<H", data, place)[0] & ~0x800
        data = data[:place] + struct.pack("<H", flags) + data[place + 2 :]
    assert [member.name for member in unpack(stored(data), LIMITS)] == ["año.txt"]


@given(st.integers(0, 400), st.binary(min_size=1, max_size=20))
def test_a_damaged_archive_is_read_or_refused_but_nothing_else(place: int, noise: bytes) -> None:
    data = bytearray(zipped({"a.txt": b"some text " * 30, "b.txt": b"more"}))
    data[place : place + len(noise)] = noise
    with tempfile.NamedTemporaryFile(suffix=".zip") as file, suppress(Unreadable):
        file.write(data)
        file.flush()
        list(unpack(Path(file.name), LIMITS))
