"""What a file is, told by its content; the name only breaks ties between kinds of text."""

import re
import zipfile
from pathlib import PurePath
from typing import BinaryIO, Final

from rag.extract.encoding import decode, wide_encoding

PDF: Final = "application/pdf"
DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PPTX: Final = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
HTML: Final = "text/html"
MARKDOWN: Final = "text/markdown"
PLAIN: Final = "text/plain"
CSV: Final = "text/csv"
TSV: Final = "text/tab-separated-values"
JSON: Final = "application/json"
JSON_LINES: Final = "application/jsonl"
CODE: Final = "text/x-source-code"
EPUB: Final = "application/epub+zip"
MAIL: Final = "message/rfc822"
RTF: Final = "application/rtf"
ODT: Final = "application/vnd.oasis.opendocument.text"
ODS: Final = "application/vnd.oasis.opendocument.spreadsheet"
ODP: Final = "application/vnd.oasis.opendocument.presentation"
OTHER_OPEN_DOCUMENT: Final = "application/vnd.oasis.opendocument"
PICTURES: Final = ("image/png", "image/jpeg", "image/gif", "image/tiff", "image/webp")
ZIP: Final = "application/zip"
EMPTY: Final = "application/x-empty"
UNKNOWN: Final = "application/octet-stream"
PROTECTED: Final = "application/x-ole-storage; encrypted"
BROKEN_ZIP: Final = "application/zip; broken"
OLD_OFFICE: Final = "application/x-ole-storage"

_PACK = "This kind of archive is not read; pack the files as ZIP instead."
_SOUND = "The file is a recording; add a written transcript instead."

# Why a type that was recognised is refused, for the person who added the file.
REFUSED: Final[dict[str, str]] = {
    EMPTY: "The file is empty; check the original and add it again.",
    UNKNOWN: (
        "The file's type is unknown; add PDF, DOCX, XLSX, PPTX, OpenDocument, EPUB, RTF, e-mail (EML), CSV, "
        "HTML, Markdown, JSON, text, source code or ZIP."
    ),
    PROTECTED: "The file is protected with a password; remove the password and add it again.",
    BROKEN_ZIP: "The file is damaged or cut off; save it again in its program or pack it anew, then add it.",
    ZIP: "The file is an archive; unpack it and add the files inside.",
    OLD_OFFICE: "The file is in an old Office format; save it as DOCX, XLSX or PPTX and add that.",
    OTHER_OPEN_DOCUMENT: "This kind of OpenDocument is not read; save it as PDF and add that.",
    "application/gzip": _PACK,
    "application/x-7z-compressed": _PACK,
    "application/vnd.rar": _PACK,
    "audio/mpeg": _SOUND,
    "video/mp4": _SOUND,
}

_MAGIC: Final = (
    (b"{\\rtf", RTF),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!", "application/vnd.rar"),
    (b"\x89PNG\r\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"ID3", "audio/mpeg"),
)
_CODE_SUFFIXES: Final = (
    *(".c", ".cc", ".cpp", ".cs", ".css", ".go", ".h", ".hpp", ".ini", ".java", ".js", ".jsx", ".kt", ".lua"),
    *(".php", ".pl", ".ps1", ".py", ".r", ".rb", ".rs", ".scala", ".sh", ".sql", ".swift", ".toml", ".ts"),
    *(".tsx", ".vue", ".yaml", ".yml"),
)
_BY_SUFFIX: Final = {
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".mdx": MARKDOWN,
    ".csv": CSV,
    ".tsv": TSV,
    ".tab": TSV,
    ".htm": HTML,
    ".html": HTML,
    ".xhtml": HTML,
    ".json": JSON,
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".eml": MAIL,
    **dict.fromkeys(_CODE_SUFFIXES, CODE),
}
_HTML_START = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
_HTML_TAG = re.compile(r"</?(?:html|body|div|p|table|h[1-6]|span|ul|a)\b[^>]*>", re.I)
_MAIL_START = re.compile(r"(?:[A-Za-z-]+: .*\n(?:[ \t].*\n)*){2,}\s*\n")
_MAIL_FIRST = ("From:", "Received:", "Return-Path:", "Delivered-To:", "MIME-Version:", "Message-ID:")
_HEAD_BYTES = 65_536
# The lists of members of office files have some kilobytes.
_MOST_LIST_BYTES = 4 * 2**20


def media_type(source: BinaryIO, name: str) -> str:
    """The media type of an open file; `REFUSED` says why some of them are not read."""
    source.seek(0)
    head = source.read(_HEAD_BYTES)
    if not head.strip():
        return EMPTY
    return _by_magic(head) or _by_container(head, source) or _by_text(head, name)


def _by_magic(head: bytes) -> str | None:
    if b"%PDF-" in head[:1024]:
        return PDF
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return "video/mp4"
    return next((media for magic, media in _MAGIC if head.startswith(magic)), None)


def _by_container(head: bytes, source: BinaryIO) -> str | None:
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        source.seek(0)
        encrypted = "EncryptedPackage".encode("utf-16-le") in source.read()
        return PROTECTED if encrypted else OLD_OFFICE
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _zip_kind(source)
    return None


class _TooLong(Exception):
    """A list of members is longer than any document has."""


class _ShortReads:
    """A file that is read in small pieces only: zipfile takes the whole list of members in one."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """Raises: _TooLong when more is asked for."""
        data = self._file.read(min(size, _MOST_LIST_BYTES + 1) if size >= 0 else _MOST_LIST_BYTES + 1)
        if len(data) > _MOST_LIST_BYTES:
            raise _TooLong
        return data


def _zip_kind(source: BinaryIO) -> str:
    try:
        with zipfile.ZipFile(_ShortReads(source)) as archive:
            names = {name.lower() for name in archive.namelist()}
            mimetype = (
                archive.open("mimetype").read(100).decode("ascii", "replace") if "mimetype" in names else ""
            )
    except _TooLong:
        return ZIP
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError, KeyError):
        return BROKEN_ZIP
    if mimetype:
        known = (media for media in (EPUB, ODT, ODS, ODP) if mimetype.strip().startswith(media))
        return next(known, OTHER_OPEN_DOCUMENT)
    for folder, media in (("word/", DOCX), ("xl/", XLSX), ("ppt/", PPTX)):
        if any(name.startswith(folder) for name in names):
            return media
    return ZIP if names else EMPTY


def _by_text(head: bytes, name: str) -> str:
    if _is_binary(head):
        return UNKNOWN
    text = decode(head)
    suffix = PurePath(name.lower()).suffix
    named = _BY_SUFFIX.get(suffix)
    if _HTML_START.match(text) and named in (None, HTML):
        return HTML
    if named == HTML and not _HTML_TAG.search(text):
        return PLAIN
    if named is None and suffix not in (".txt", ".log") and text.lstrip().startswith(_MAIL_FIRST):
        return MAIL if _MAIL_START.match(text) else PLAIN
    return named or PLAIN


def _is_binary(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")) or wide_encoding(head):
        return False
    controls = sum(head.count(code) for code in (*range(9), *range(14, 27), *range(28, 32), 127))
    return controls > len(head) // 200
