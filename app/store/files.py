"""Stored files, by key: a local folder by default, any fsspec URL when several machines serve."""

import asyncio
import hashlib
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

import fsspec
from msgspec import Struct

_BLOCK_BYTES = 1 << 20
# What is sent in one write: larger ones keep the event loop from the others.
_SENT_BYTES = 1 << 18


class StoredFile(Struct, frozen=True):
    """Where a file lies, how large it is, and the sha256 of its bytes."""

    key: str
    file_bytes: int
    digest: bytes


class Files:
    """The file store of one location."""

    def __init__(self, location: str) -> None:
        self._fs, root = fsspec.core.url_to_fs(location)
        self._root = str(root).rstrip("/")

    async def keep(self, file: IO[bytes], suffix: str = "", *, most_bytes: int = sys.maxsize) -> StoredFile:
        """The stored copy of an open file, read in blocks, as far as `most_bytes`."""
        return await asyncio.to_thread(self._keep, file, suffix, most_bytes)

    async def delete(self, keys: list[str]) -> None:
        """Removes these files; those that are gone already are fine."""
        await asyncio.to_thread(self._delete, keys)

    @asynccontextmanager
    async def local(self, key: str) -> AsyncIterator[Path]:
        """A readable local path of a stored file, for as long as the block runs.

        Raises: FileNotFoundError when it is gone.
        """
        folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="lectern-")
        try:
            target = Path(folder) / "file"
            await asyncio.to_thread(self._fs.get_file, f"{self._root}/{key}", str(target))
            yield target
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def size(self, key: str) -> int:
        """How many bytes a stored file has.

        Raises: FileNotFoundError when it is gone.
        """
        return int(await asyncio.to_thread(self._fs.size, f"{self._root}/{key}"))

    async def blocks(self, key: str) -> AsyncIterator[bytes]:
        """The bytes of a stored file, block by block.

        Raises: FileNotFoundError when it is gone.
        """
        file = await asyncio.to_thread(self._fs.open, f"{self._root}/{key}", "rb")
        try:
            while block := await asyncio.to_thread(file.read, _SENT_BYTES):
                yield block
        finally:
            # Without waiting: whoever is cancelled here is not given the time.
            file.close()

    def _keep(self, file: IO[bytes], suffix: str, most_bytes: int) -> StoredFile:
        name = uuid4().hex
        key = f"{name[:2]}/{name}{suffix}"
        digest, size = hashlib.sha256(), 0
        self._fs.makedirs(f"{self._root}/{name[:2]}", exist_ok=True)
        with self._fs.open(f"{self._root}/{key}", "wb") as target:
            while block := file.read(min(_BLOCK_BYTES, most_bytes - size)):
                digest.update(block)
                size += len(block)
                target.write(block)
        return StoredFile(key, size, digest.digest())

    def _delete(self, keys: list[str]) -> None:
        for key in keys:
            path = f"{self._root}/{key}"
            if self._fs.exists(path):
                self._fs.rm_file(path)
