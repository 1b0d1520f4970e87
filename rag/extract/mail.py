"""E-mail -> one page: subject, people and date, the message, and the names of what is attached."""

import email
import email.policy
from collections.abc import Iterator
from email.message import Message

from rag.errors import Unreadable
from rag.extract.encoding import clean, decode
from rag.extract.html import parsed_html
from rag.extract.htmltext import UNSEEN, has_data_table, whole_text
from rag.extract.package import Element
from rag.passages import Extracted, Page

_SHOWN = ("From", "To", "Cc", "Date")
_MAX_DEPTH = 5
_MAX_NESTED = 30
_BROKEN = "The e-mail is damaged; save it again from the mail program and add it anew."
_ENCRYPTED = "The e-mail is encrypted; save its decrypted text from the mail program and add that."


def read_mail(data: bytes, media_type: str) -> Extracted:
    """The e-mail with the messages that it forwards; its subject is the title.

    Raises: Unreadable when it is no e-mail, or encrypted.
    """
    message = email.message_from_bytes(data, policy=email.policy.default)
    if not message.keys():
        raise Unreadable(_BROKEN)
    if message.get_content_type() in ("multipart/encrypted", "application/pkcs7-mime"):
        raise Unreadable(_ENCRYPTED)
    text = "\n\n".join(block.strip() for block in _blocks(message, 1) if block.strip())
    return Extracted((Page(clean(text)),), media_type, _header(message, "Subject") or None)


def _blocks(message: Message, depth: int) -> Iterator[str]:
    subject = _header(message, "Subject")
    yield f"{'#' * depth} {subject}" if subject else ""
    people = ((name, _header(message, name)) for name in _SHOWN)
    yield "\n".join(f"{name}: {value}" for name, value in people if value)
    leaves = list(_leaves(message))
    yield from (_text(leaf) for leaf in leaves if _is_shown(leaf))
    attached = [leaf for leaf in leaves if not _is_shown(leaf)]
    files = [leaf for leaf in attached if not isinstance(_first(leaf), Message)]
    names = [_folded(leaf.get_filename() or leaf.get_content_type()) for leaf in files]
    yield f"Attachments: {', '.join(names)}" if names else ""
    for leaf in attached if depth < _MAX_DEPTH else ():
        if isinstance(inner := _first(leaf), Message):
            yield from _blocks(inner, depth + 1)


def _header(message: Message, name: str) -> str:
    """The decoded header; a broken one as it stands."""
    try:
        return _folded(str(message.get(name, "")))
    except (ValueError, IndexError, LookupError, AttributeError):
        raw = (value for key, value in message.raw_items() if key.lower() == name.lower())
        return _folded(str(next(raw, "")))


def _folded(text: str) -> str:
    return " ".join(clean(text).split())


def _leaves(part: Message, depth: int = 0) -> Iterator[Message]:
    """The parts that are shown or attached; of alternatives only the best one."""
    if part.get_content_maintype() != "multipart" or depth > _MAX_NESTED:
        yield part
    elif part.get_content_type() == "multipart/alternative":
        best = _best([each for each in part.get_payload() if isinstance(each, Message)])
        yield from _leaves(best, depth + 1) if best is not None else ()
    else:
        for each in part.get_payload():
            if isinstance(each, Message):
                yield from _leaves(each, depth + 1)


def _best(alternatives: list[Message]) -> Message | None:
    """The plain text, as the sender's program wrote it, unless only another form shows a table of data."""
    plain = [
        each for each in alternatives if each.get_content_type() == "text/plain" and _bytes(each).strip()
    ]
    others = [each for each in alternatives if each.get_content_maintype() in ("text", "multipart")]
    rich = [each for each in others if each not in plain]
    if plain and not any(
        has_data_table(_tree(each)) for each in rich if each.get_content_type() == "text/html"
    ):
        return plain[0]
    return next(reversed(rich or alternatives), None)


def _first(part: Message) -> object:
    payload = part.get_payload() if part.get_content_type() == "message/rfc822" else None
    return payload[0] if isinstance(payload, list) and payload else None


def _text(part: Message) -> str:
    if part.get_content_type() == "text/html":
        return whole_text(_tree(part), UNSEEN)
    return decode(_bytes(part), part.get_content_charset())


def _tree(part: Message) -> Element:
    return parsed_html(_bytes(part), part.get_content_charset())


def _bytes(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _is_shown(part: Message) -> bool:
    is_text = part.get_content_maintype() == "text" and part.get_content_disposition() != "attachment"
    return is_text and bool(_bytes(part).strip())
