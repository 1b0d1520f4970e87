"""Pictures -> text by Tesseract's library, in this process: in the jail nothing can be executed.

Recognition has its own time: each picture some seconds, a file some minutes, on top of what reading may take.
Languages that share the Latin script are recognised together, the others alone: which of them a picture is in
shows in how sure Tesseract is of its words.
"""

import ctypes
import os
import re
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from rag.errors import Unreadable
from rag.extract.encoding import clean
from rag.extract.limits import Limits
from rag.extract.sandbox import add_time

# Where packages of the usual distributions put the languages.
_LIBRARIES = ("libtesseract.so.5", "libtesseract.so.4", "libtesseract.so")
_FOLDERS = ("/usr/share/tesseract-ocr/*/tessdata", "/usr/share/tessdata", "/usr/local/share/tessdata")
_NO_LANGUAGES = {"osd", "equ", "snum"}
_OTHER_SCRIPTS = re.compile(
    "amh|ara|asm|bel|ben|bod|bul|chi_|chr|div|dzo|ell|fas|grc|guj|heb|hin|hye|iku|jpn|kan|kat|kaz|khm|kir|kmr|"
    "kor|lao|mal|mar|mkd|mya|nep|ori|pan|pus|rus|san|sin|snd|srp$|syr|tam|tat|tel|tgk|tha|tir|uig|ukr|urd|yid"
)
# More languages make it slow and no better; these first, since most documents here are in one of them.
_MOST_LATIN, _MOST_GROUPS = 3, 4
_FIRST = ("eng", "spa", "chi_sim", "chi_tra")
# Percent. Measured: Latin languages are 93 to 95 sure of their own pages and at most 36 of Chinese ones,
# Chinese 79 to 92 of their own and up to 90 of others. So Latin ones come first, and what won needs less.
_SURE, _SURE_AGAIN = 90, 78
# What is meant for traditional characters reads simplified ones nearly as surely, 8 less to as much; the
# other way round it is 7 to 18 less. So the simplified are tried before them.
_CLEARLY = 4
_LAST_LATIN = "\u024f"
# Two hundred dots an inch: less loses small print, more takes longer for no more letters.
DOTS_PER_INCH = 200
_LSTM_ONLY, _AUTOMATIC_WITH_ORIENTATION, _AUTOMATIC = 1, 1, 3


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
    """The languages that are installed, those of most documents first; one for vertical lines is left out."""
    here = folder()
    names = {path.stem for path in here.glob("*.traineddata")} - _NO_LANGUAGES if here else set()
    lying = {name for name in names if not name.endswith("_vert")}
    return tuple(
        sorted(lying, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
    )


def groups(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Which of the languages are recognised together, those to be tried first in front."""
    latin = tuple(name for name in names if not _OTHER_SCRIPTS.match(name))[:_MOST_LATIN]
    alone = [(name,) for name in names if _OTHER_SCRIPTS.match(name)]
    return [*([latin] if latin else []), *alone][:_MOST_GROUPS]


class Recognised(NamedTuple):
    """The text of a picture, how sure it is in percent, and whether the time sufficed for all of it."""

    text: str
    confidence: int
    is_whole: bool


_NOTHING = Recognised("", -1, is_whole=False)


class Recogniser:
    """Tesseract with the languages that the pictures of one file have needed so far."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left_s = limits.max_ocr_s
        self._engines: dict[tuple[str, ...], _Engine] = {}
        self._groups = groups(languages())
        self._has_won = False

    def recognise(self, picture: Any) -> Recognised:
        """The text of a pixmap of grey or RGB without alpha; what was found when the time is up.

        Raises: Unreadable when the languages can't be loaded.
        """
        allowed = min(self._limits.max_ocr_page_s, self._left_s)
        if allowed <= 0:
            return _NOTHING
        add_time(allowed)
        start = time.monotonic()
        try:
            return self._best(picture, start + allowed)
        finally:
            spent = time.monotonic() - start
            self._left_s -= spent
            add_time(spent - allowed)

    def _best(self, picture: Any, deadline: float) -> Recognised:
        """By the languages that are surest; they are the first to be tried on the next picture."""
        best, winner = _NOTHING, self._groups[0]
        for place, group in enumerate(self._groups):
            found = self._engine(group).recognise(picture, deadline - time.monotonic())
            if found.confidence > best.confidence + (_CLEARLY if best.text else 0):
                best, winner = found, group
            is_expected = self._has_won and place == 0 and _is_in(group, found.text)
            enough = _SURE_AGAIN if is_expected else _SURE
            if found.confidence >= enough or not found.is_whole:
                break
        if best.text:
            self._has_won = True
            self._groups.sort(key=lambda group: group != winner)
        return best

    def _engine(self, group: tuple[str, ...]) -> "_Engine":
        if group not in self._engines:
            self._engines[group] = _Engine(group)
        return self._engines[group]


def _is_in(group: tuple[str, ...], text: str) -> bool:
    """Whether most letters are of the group's script; Latin ones are read in any language, less well."""
    letters = [character for character in text if character.isalpha()]
    others = sum(1 for letter in letters if letter > _LAST_LATIN)
    return (2 * others > len(letters)) == bool(_OTHER_SCRIPTS.match(group[0]))


class _Engine:
    """Tesseract with some languages loaded."""

    def __init__(self, group: tuple[str, ...]) -> None:
        self._library: Any = _library()
        self._handle = ctypes.c_void_p(self._library.TessBaseAPICreate())
        weakref.finalize(self, self._library.TessBaseAPIDelete, self._handle)
        started = self._library.TessBaseAPIInit2(
            self._handle, os.fsencode(folder() or ""), "+".join(group).encode(), _LSTM_ONLY
        )
        if started != 0:
            raise Unreadable("The languages of tesseract-ocr can't be loaded; install them anew.")
        turned = (folder() or Path()) / "osd.traineddata"
        mode = _AUTOMATIC_WITH_ORIENTATION if turned.is_file() else _AUTOMATIC
        self._library.TessBaseAPISetPageSegMode(self._handle, mode)

    def recognise(self, picture: Any, seconds: float) -> Recognised:
        library, handle = self._library, self._handle
        size = (picture.width, picture.height, picture.n, picture.stride)
        library.TessBaseAPISetImage(handle, picture.samples, *size)
        library.TessBaseAPISetSourceResolution(handle, DOTS_PER_INCH)
        with _deadline(library, max(seconds, 0.001)) as monitor:
            is_whole = library.TessBaseAPIRecognize(handle, monitor) == 0
        found = library.TessBaseAPIGetUTF8Text(handle)
        text = ctypes.string_at(found).decode("utf-8", "replace") if found else ""
        library.TessDeleteText(found)
        return Recognised(clean(text).strip(), library.TessBaseAPIMeanTextConf(handle), is_whole)


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
        ("TessBaseAPIMeanTextConf", number, [pointer]),
        ("TessDeleteText", None, [pointer]),
        ("TessMonitorCreate", pointer, []),
        ("TessMonitorSetDeadlineMSecs", None, [pointer, number]),
        ("TessMonitorDelete", None, [pointer]),
    ):
        getattr(library, function).restype = result
        getattr(library, function).argtypes = arguments
    return library
