"""Attachments: files that come along with a message, and what they are by their content."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

HEAD_BYTES = 4096
"""As much of a file's beginning as tells its kind."""


class AttachmentKind(StrEnum):
    """What an attachment is to the person who sends it."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    STICKER = "sticker"
    OTHER = "other"


class NewAttachment(Struct, frozen=True):
    """What a client says of a file; without a `kind` the content tells it."""

    name: str
    kind: AttachmentKind | None = None
    conversation_id: UUID | None = None


class Offered(Struct, frozen=True):
    """An attachment as it is handed in with a message; `file` is an address or the key of an upload."""

    kind: AttachmentKind | None
    name: str
    file: str
    id: UUID | None = None


class Attachment(Struct, frozen=True):
    """A stored file, without its text; `url` is where it was fetched from, `error` why it was not read."""

    id: UUID
    seq: int
    workspace_id: UUID
    conversation_id: UUID | None
    message_id: UUID | None
    kind: AttachmentKind
    name: str
    url: str | None
    file_key: str
    file_bytes: int
    error: str | None
    created_at: datetime


class AttachmentText(Struct, frozen=True):
    """What was read of an attachment; neither text nor error while nobody has tried."""

    id: UUID
    text: str | None
    pages: list[dict[str, object]] | None
    error: str | None


def tell_kind(head: bytes) -> AttachmentKind:
    """What a file is by its first `HEAD_BYTES`: a picture, a sound, a film, or something else.

    Source: the formats' own signatures; ISO 14496-12 brands (`ftyp`), RFC 9559 (Matroska), RFC 3533 (Ogg).
    """
    if head.startswith(_IMAGES) or (head.startswith(b"BM") and head[6:10] == bytes(4)) or _is_svg(head):
        return AttachmentKind.IMAGE
    if head.startswith(_SOUNDS):
        return AttachmentKind.AUDIO
    if head.startswith(_FILMS) or (head[:1] == b"G" and head[188:189] == b"G" == head[376:377]):
        return AttachmentKind.VIDEO
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:11], AttachmentKind.VIDEO)
    if head.startswith((b"RIFF", b"FORM")):
        return _CHUNKED.get(head[8:12], AttachmentKind.OTHER)
    if head.startswith(b"OggS"):
        return AttachmentKind.VIDEO if b"theora" in head[:256] else AttachmentKind.AUDIO
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        sound_only = b"A_" in head and b"V_" not in head
        return AttachmentKind.AUDIO if sound_only else AttachmentKind.VIDEO
    return AttachmentKind.OTHER


_IMAGES = (
    *(b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"8BPS", b"\0\0\1\0"),
    b"\0\0\0\x0cJXL ",
)
_SOUNDS = (
    *(b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"\xff\xfa", b"\xff\xf1", b"\xff\xf9"),
    *(b"fLaC", b"#!AMR", b"MThd", b"caff"),
)
_FILMS = (b"FLV\x01", b"\0\0\1\xba", b"\0\0\1\xb3", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11")
_BRANDS = {
    **dict.fromkeys((b"hei", b"hev", b"mif", b"msf", b"avi"), AttachmentKind.IMAGE),
    **dict.fromkeys((b"M4A", b"M4B", b"M4P"), AttachmentKind.AUDIO),
}
_CHUNKED = {
    b"WEBP": AttachmentKind.IMAGE,
    b"WAVE": AttachmentKind.AUDIO,
    b"AIFF": AttachmentKind.AUDIO,
    b"AIFC": AttachmentKind.AUDIO,
    b"AVI ": AttachmentKind.VIDEO,
}


def _is_svg(head: bytes) -> bool:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in start)
