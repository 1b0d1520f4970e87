"""Pictures -> text by Tesseract's library, in this process: in the jail nothing can be executed.

Recognition has its own time: each picture some seconds, a file some minutes, on top of what reading may take.
"""

import ctypes
import os
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from rag.errors import Unreadable
from rag.extract.encoding import clean
from rag.extract.limits import Limits
from rag.extract.sandbox import add_time

# Where packages of the usual distributions put the languages.
_LIBRARIES = ("libtesseract.so.5", "libtesseract.so.4", "libtesseract.so")
_FOLDERS = ("/usr/share/tesseract-ocr/*/tessdata", "/usr/share/tessdata", "/usr/local/share/tessdata")
_NO_LANGUAGES = {"osd", "equ", "snum"}
# More languages make it slow and no better; these first, since most documents here are in one of them.
_MOST_LANGUAGES = 4
_FIRST = ("eng", "spa", "chi_tra", "chi_sim")
# Two hundred dots an inch: less loses small print, more takes longer for no more letters.
DOTS_PER_INCH = 200
_LSTM_ONLY, _AUTOMATIC_WITH_ORIENTATION, _AUTOMATIC = 1, 1, 3
_TOO_LONG = (
    "Recognising the text of the pictures took longer than is allowed; split the file into smaller ones."
)


@cache
def folder() -> Path | None:
    """The folder of installed languages; None without Tesseract or any language.

    Looked up before the jail closes, which lets only this folder be read.
    """
    if _library() is None:
        return None
    named = os.environ.get("TESSDATA_PREFIX")
    found = [Path(named)] if named else [path for each in _FOLDERS for path in Path("/").glob(each[1:])]
    return next((path for path in found if any(path.glob("*.traineddata"))), None)


@cache
def languages() -> tuple[str, ...]:
    """The languages to recognise."""
    here = folder()
    names = {path.stem for path in here.glob("*.traineddata")} - _NO_LANGUAGES if here else set()
    ranked = sorted(names, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
    return tuple(ranked[:_MOST_LANGUAGES])


class Recogniser:
    """Tesseract with its languages loaded; one for each file."""

    def __init__(self, limits: Limits) -> None:
        """Raises: Unreadable when the languages can't be loaded."""
        self._limits = limits
        self._left_s = limits.max_ocr_s
        self._library: Any = _library()
        self._handle = ctypes.c_void_p(self._library.TessBaseAPICreate())
        weakref.finalize(self, self._library.TessBaseAPIDelete, self._handle)
        started = self._library.TessBaseAPIInit2(
            self._handle, os.fsencode(folder() or ""), "+".join(languages()).encode(), _LSTM_ONLY
        )
        if started != 0:
            raise Unreadable("The languages of tesseract-ocr can't be loaded; install them anew.")
        turned = (folder() or Path()) / "osd.traineddata"
        mode = _AUTOMATIC_WITH_ORIENTATION if turned.is_file() else _AUTOMATIC
        self._library.TessBaseAPISetPageSegMode(self._handle, mode)

    def text(self, picture: Any) -> str:
        """The text of a pixmap of grey or RGB without alpha; nothing when it takes too long.

        Raises: Unreadable when the file has used up its time.
        """
        if self._left_s <= 0:
            raise Unreadable(_TOO_LONG)
        allowed = min(self._limits.max_ocr_page_s, self._left_s)
        add_time(allowed)
        start = time.monotonic()
        try:
            return self._recognised(picture, allowed)
        finally:
            spent = time.monotonic() - start
            self._left_s -= spent
            add_time(spent - allowed)

    def _recognised(self, picture: Any, allowed_s: float) -> str:
        library, handle = self._library, self._handle
        size = (picture.width, picture.height, picture.n, picture.stride)
        library.TessBaseAPISetImage(handle, picture.samples, *size)
        library.TessBaseAPISetSourceResolution(handle, DOTS_PER_INCH)
        with _deadline(library, allowed_s) as monitor:
            if library.TessBaseAPIRecognize(handle, monitor) != 0:
                return ""
        found = library.TessBaseAPIGetUTF8Text(handle)
        text = ctypes.string_at(found).decode("utf-8", "replace") if found else ""
        library.TessDeleteText(found)
        return clean(text).strip()


@contextmanager
def _deadline(library: Any, seconds: float) -> Iterator[ctypes.c_void_p]:
    monitor = ctypes.c_void_p(library.TessMonitorCreate())
    library.TessMonitorSetDeadlineMSecs(monitor, int(seconds * 1000))
    try:
        yield monitor
    finally:
        library.TessMonitorDelete(monitor)


def _loaded(name: str) -> Any:
    with suppress(OSError):
        return ctypes.CDLL(name)


@cache
def _library() -> Any:
    """Tesseract's C interface; None when it is not installed.

    Source: tesseract/capi.h.
    """
    library = next((found for name in _LIBRARIES if (found := _loaded(name)) is not None), None)
    if library is None:
        return None
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for function, result, arguments in (
        ("TessBaseAPICreate", pointer, []),
        ("TessBaseAPIDelete", None, [pointer]),
        ("TessBaseAPIInit2", number, [pointer, text, text, number]),
        ("TessBaseAPISetPageSegMode", None, [pointer, number]),
        ("TessBaseAPISetImage", None, [pointer, text, number, number, number, number]),
        ("TessBaseAPISetSourceResolution", None, [pointer, number]),
        ("TessBaseAPIRecognize", number, [pointer, pointer]),
        ("TessBaseAPIGetUTF8Text", pointer, [pointer]),
        ("TessDeleteText", None, [pointer]),
        ("TessMonitorCreate", pointer, []),
        ("TessMonitorSetDeadlineMSecs", None, [pointer, number]),
        ("TessMonitorDelete", None, [pointer]),
    ):
        getattr(library, function).restype = result
        getattr(library, function).argtypes = arguments
    return library
