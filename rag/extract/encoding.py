"""Bytes -> clean text: byte order marks, UTF-8, detection, newlines, characters that no database keeps."""

import re

from charset_normalizer import from_bytes

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_SPACE = re.compile(r"\s+")
_NEWLINES = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_UNWANTED = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff\ufeff]")
_SIGN = re.compile(r"[\n\u3002\uff0c]")
_CHINESE = re.compile(r"[\t\n\r -~\u2010-\u2026\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef]")
_NEARLY_ALL = 0.95
# Detection reads a sample: it is slow, and the encoding does not change in the middle of a file.
_SAMPLE_BYTES = 200_000
# Statistics say little about fewer bytes; Western European text is the likeliest then.
_DETECTABLE_BYTES = 64


def clean(text: str) -> str:
    """The text with newlines as `\\n`, without NULs, other controls, lone surrogates and byte order marks."""
    return _UNWANTED.sub("", _NEWLINES.sub("\n", text))


def folded(text: str) -> str:
    """The text with one blank for all white space."""
    return _SPACE.sub(" ", text).strip()


def decode(data: bytes, declared: str | None = None) -> str:
    """The clean text of `data`; `declared` is the encoding that the file itself names, tried after UTF-8."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return clean(data[len(mark) :].decode(encoding, "replace"))
    for candidate in (wide_encoding(data), "utf-8", declared):
        text = _strictly(data, candidate)
        if text is not None:
            return clean(text)
    return clean(data.decode(_detected(data), "replace"))


def wide_encoding(data: bytes) -> str | None:
    """UTF-16 without a byte order mark; None for anything else.

    It is told by NULs in every other byte, or in Chinese by what it is when it is read as that.
    """
    sample = data[:4096]
    half = len(sample) // 2
    if half < 2:
        return None
    if sample[1::2].count(0) > 0.6 * half and sample[0::2].count(0) < 0.1 * half:
        return "utf-16-le"
    if sample[0::2].count(0) > 0.6 * half and sample[1::2].count(0) < 0.1 * half:
        return "utf-16-be"
    return next((name for name in ("utf-16-le", "utf-16-be") if _is_wide_chinese(sample, name)), None)


def _is_wide_chinese(sample: bytes, encoding: str) -> bool:
    """Whether nearly all is Chinese, with a full stop, comma or line end, whose bytes other text has not."""
    text = sample[: len(sample) // 2 * 2].decode(encoding, "replace")
    return bool(_SIGN.search(text)) and len(_CHINESE.findall(text)) >= _NEARLY_ALL * len(text)


def _strictly(data: bytes, encoding: str | None) -> str | None:
    try:
        return data.decode(encoding) if encoding else None
    except (UnicodeDecodeError, LookupError):
        return None


def _detected(data: bytes) -> str:
    if len(data) < _DETECTABLE_BYTES:
        return "cp1252"
    best = from_bytes(data[:_SAMPLE_BYTES]).best()
    return best.encoding if best else "cp1252"
