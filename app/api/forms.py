"""Multipart forms: fields in memory, files on disk, read as they come.

Litestar's own reader keeps any number of fields of any size in memory and starts before anybody has asked who
sends them; here both are bounded, and a look at the fields can refuse the file that follows them.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast
from urllib.parse import unquote

from litestar import Request
from litestar.exceptions import ClientException
from msgspec import Struct, field
from multipart import MultipartError, MultipartSegment, PushMultipartParser

CONTENT_TYPE = "multipart/form-data"

_MOST_PARTS = 64
_MOST_FIELD_CHARS = 64 * 1024
_EXTENDED = re.compile(r";\s*filename\*\s*=\s*(utf-8|iso-8859-1)'[^']*'([^;\s\"]*)", re.IGNORECASE)
_BLOCK_BYTES = 1024 * 1024

BeforeFile = Callable[[dict[str, str]], Awaitable[int]]


class FormFile(Struct, frozen=True):
    """A file of a form, at its start, under the name that the client gave it."""

    name: str
    file: IO[bytes]


class Form(Struct, frozen=True):
    """The fields and files of a form; of those with one name the last one counts."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, FormFile] = field(default_factory=dict)


@asynccontextmanager
async def read_form(
    request: Request[Any, Any, Any], before_file: BeforeFile | None = None
) -> AsyncIterator[Form]:
    """The multipart form of a request; its files are closed when the block ends.

    `before_file` sees the fields that came before the first file and gives the most bytes that are kept of
    each; what it raises is raised before anything of a file is stored.

    Raises: ClientException for a body that is no such form, RequestEntityTooLarge.
    """
    reader = _Reader(before_file)
    try:
        yield await reader.read(request)
    finally:
        await asyncio.to_thread(reader.close)


class _Reader:
    """One form while it comes in."""

    def __init__(self, before_file: BeforeFile | None) -> None:
        self._form = Form()
        self._before_file = before_file
        self._most_bytes: int | None = None
        self._field_chars = 0
        self._spools: list[_Spool] = []

    async def read(self, request: Request[Any, Any, Any]) -> Form:
        boundary = request.content_type[1].get("boundary")
        if not boundary:
            raise _broken("its boundary is missing")
        try:
            with PushMultipartParser(boundary.encode(), max_segment_count=_MOST_PARTS) as parser:
                await self._feed(parser, request)
        except MultipartError as error:
            raise _broken(str(error.args[0] if error.args else error)) from error
        return self._form

    async def _feed(self, parser: Any, request: Request[Any, Any, Any]) -> None:
        part: _Field | _Spool | None = None
        async for chunk in request.stream():
            for event in parser.parse(chunk) if chunk else ():
                if isinstance(event, MultipartSegment):
                    part = await self._begin(event)
                elif event:
                    await self._take(part, event)
                else:
                    await self._end(part)

    async def _begin(self, segment: Any) -> "_Field | _Spool | None":
        filename = segment.filename if segment.filename is not None else _extended_name(segment)
        if filename is None:
            return _Field(segment.name or "")
        if not filename:
            # Browsers send an empty name where no file was chosen.
            return None
        if self._most_bytes is None:
            self._most_bytes = await self._before_file(self._form.fields) if self._before_file else -1
        spool = _Spool(segment.name or "", filename, self._most_bytes)
        self._spools.append(spool)
        return spool

    async def _take(self, part: "_Field | _Spool | None", data: bytes) -> None:
        if isinstance(part, _Spool):
            await part.write(data)
        elif part is not None:
            self._field_chars += len(data)
            if self._field_chars > _MOST_FIELD_CHARS:
                raise _broken("its fields are too long")
            part.data.extend(data)

    async def _end(self, part: "_Field | _Spool | None") -> None:
        if isinstance(part, _Spool):
            self._form.files[part.field] = FormFile(part.name, await part.finished())
        elif part is not None:
            self._form.fields[part.field] = part.data.decode("utf-8", "replace")

    def close(self) -> None:
        for spool in self._spools:
            spool.close()


class _Field:
    """A field while it comes in."""

    def __init__(self, field: str) -> None:
        self.field = field
        self.data = bytearray()


class _Spool:
    """A file while it comes in: a block in memory, the rest on disk, written by a thread."""

    def __init__(self, field: str, name: str, most_bytes: int) -> None:
        self.field, self.name = field, name
        self._left = most_bytes
        self._block = bytearray()
        self._file = cast(IO[bytes], SpooledTemporaryFile(_BLOCK_BYTES))  # noqa: SIM115 -- closed with the form

    async def write(self, data: bytes) -> None:
        if self._left >= 0:
            data = data[: self._left]
            self._left -= len(data)
        self._block.extend(data)
        if len(self._block) >= _BLOCK_BYTES:
            block, self._block = self._block, bytearray()
            await asyncio.to_thread(self._file.write, block)

    async def finished(self) -> IO[bytes]:
        await asyncio.to_thread(self._finish)
        return self._file

    def _finish(self) -> None:
        self._file.write(self._block)
        self._file.seek(0)

    def close(self) -> None:
        self._file.close()


def _extended_name(segment: Any) -> str | None:
    """The name in the form of RFC 5987, which older clients use for what is not ASCII."""
    found = _EXTENDED.search(segment.header("Content-Disposition", ""))
    return unquote(found.group(2), found.group(1), "replace") if found else None


def _broken(reason: str) -> ClientException:
    return ClientException(f"Multipart form parse error - {reason.rstrip('.')}.")
