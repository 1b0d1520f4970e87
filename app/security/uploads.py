"""What is taken from a client about a file: a name that is safe to show, and a size within the limit."""

import re
import unicodedata

from app.domain.errors import TooLarge

_MOST_CHARS = 150
_MOST_EXTENSION_CHARS = 12
_FALLBACK = "file"
# Zero-width (non-)joiners shape Persian, Indic scripts and emoji; other invisible characters only mislead.
_JOINERS = "\u200c\u200d"
_SPACES = re.compile(r"\s+")


def display_name(client_name: str | None) -> str:
    """A file name to store and show: no path, control, bidirectional or invisible characters; never empty.

    Shape: 1..150 characters; the extension survives the cut.
    """
    # Composed first (NFC, not NFKC, which would make a new "/" out of look-alikes).
    name = unicodedata.normalize("NFC", client_name or "")
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    name = _SPACES.sub(" ", "".join(map(_shown, name))).strip(" .")
    return _cut(name) if name.strip(_JOINERS + " .") else _FALLBACK


def check_size(size_bytes: int, max_upload_mb: int) -> None:
    """Nothing, when the file is within `LECTERN_MAX_UPLOAD_MB`.

    Raises: TooLarge.
    """
    if size_bytes > max_upload_mb * 1024 * 1024:
        size_mb = size_bytes / 1024 / 1024
        raise TooLarge(f"The file has {size_mb:.1f} MB; at most {max_upload_mb} MB are taken, so split it.")


def _shown(character: str) -> str:
    if character.isspace() or unicodedata.category(character) in ("Zl", "Zp"):
        return " "
    if character in _JOINERS:
        return character
    # Cc control, Cf format (bidi, byte order mark, tags), Cs surrogates, Co private use, Cn unassigned.
    return "" if unicodedata.category(character).startswith("C") else character


def _cut(name: str) -> str:
    if len(name) <= _MOST_CHARS:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > _MOST_EXTENSION_CHARS:
        return name[:_MOST_CHARS].rstrip(" .")
    return stem[: _MOST_CHARS - len(extension) - 1].rstrip(" .") + dot + extension
