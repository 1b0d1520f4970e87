"""Reading bytes in this process, and making files to read."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from rag.errors import Unreadable
from rag.extract import Limits, unpack
from rag.extract.parse import parse
from rag.passages import Extracted

LIMITS = Limits()


def read(data: bytes, name: str) -> Extracted:
    found = parse(data, name, LIMITS)
    return Extracted(tuple(found.pages), found.media_type, found.title)


def text_of(data: bytes, name: str) -> str:
    return "\n\n".join(page.text for page in read(data, name).pages)


def reason(data: bytes, name: str, limits: Limits = LIMITS) -> str:
    with pytest.raises(Unreadable) as caught:
        tuple(parse(data, name, limits).pages)
    return str(caught.value)


async def unpacked(path: Path, limits: Limits = LIMITS) -> dict[str, bytes]:
    """The names and bytes of an archive's members."""
    return {member.name: member.file.read() async for member in unpack(path, limits)}


def saved(document: Any) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def rewritten(data: bytes, change: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for info in old.infolist():
            new.writestr(info, change(info.filename, old.read(info)))
    return buffer.getvalue()
