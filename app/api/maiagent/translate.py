"""Between the MaiAgent API's bodies and our words; nothing here does I/O."""

from collections.abc import Iterable
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct

from app.api.maiagent import bodies, wire
from app.domain.assistants import Assistant
from app.domain.attachments import Attachment, AttachmentKind, Offered
from app.domain.channels import Inbox
from app.domain.contacts import VISITOR, Contact
from app.domain.conversations import TEXT, Message, Role
from app.domain.exchanges import Metric
from app.domain.feedback import Feedback
from app.domain.inbox import InboxItem
from app.domain.knowledge import KnowledgeBase
from app.domain.moments import epoch_ms
from app.domain.quotes import CitedFile, CitedKind, CitedPassage, Quotes
from app.domain.webhooks import Webhook
from app.services.house import House
from app.services.keep_inbox import Entry, Shown
from app.services.review_records import Reviewed
from app.services.serve_files import attachment_link, cited_link

INCOMING, OUTGOING = "incoming", "outgoing"
# Files are read by Lectern itself: the one parser that there is.
_PARSER = wire.Parser(uuid5(NAMESPACE_URL, "urn:lectern:parser"), "Lectern", "lectern", 0)
_MODELS = uuid5(NAMESPACE_URL, "urn:lectern:model")


class Links(Struct, frozen=True):
    """Makes addresses that a client can follow; `base` is the server's own."""

    house: House
    base: str

    @property
    def avatar(self) -> str:
        """The picture of whoever has none."""
        return f"{self.base}/api/avatar.svg"

    def attachment(self, attachment: Attachment) -> str:
        """Where the file came from, or the link to it."""
        return attachment.url or attachment_link(self.house, self.base, attachment)

    def cited(self, file: CitedFile) -> str:
        """The link to a cited text."""
        return cited_link(self.house, self.base, file)


# --- what clients send


def offered(files: Iterable[bodies.OfferedAttachment] | None) -> tuple[Offered, ...]:
    """The attachments that come with a message; a type or id that can't be read counts as none."""
    return tuple(
        Offered(kind_of(file.type), file.filename, file.file, _id_of(file.id)) for file in files or ()
    )


def kind_of(value: Any) -> AttachmentKind:
    """What an attachment is; anything that is no known type is `other`."""
    try:
        return AttachmentKind(value)
    except (ValueError, TypeError):
        return AttachmentKind.OTHER


def role_of(kind: str | None) -> Role:
    """Who speaks in a message of that type."""
    return Role.ASSISTANT if kind == OUTGOING else Role.USER


def own_kind(kind: str | None) -> str:
    """The type that is kept with a message: none for the two that its role tells."""
    return TEXT if kind in (None, "", INCOMING, OUTGOING) else str(kind)


def _id_of(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


# --- what they get


def message(shown: Shown, links: Links) -> wire.Message:
    """One message with all that belongs to it."""
    said = shown.message
    return wire.Message(
        id=said.id,
        conversation=said.conversation_id,
        sender=_speaker(shown, links),
        type=_type(said.role, said.kind),
        content=said.content,
        content_payload=said.payload,
        feedback=feedback(shown.feedback),
        created_at=epoch_ms(said.created_at),
        attachments=[attachment(each, links) for each in shown.attachments],
        citations=cited_files(shown.quotes, links),
        citation_nodes=citation_nodes(shown.quotes),
        canvas=_canvas(said),
        query_metadata=said.metadata,
    )


def attachment(stored: Attachment, links: Links) -> wire.Attachment:
    """A stored file."""
    return wire.Attachment(
        stored.id,
        stored.kind.value,
        stored.name,
        links.attachment(stored),
        stored.conversation_id,
        stored.error,
    )


def feedback(said: Feedback | None) -> wire.Feedback | None:
    """What a person thinks of an answer."""
    if said is None:
        return None
    return wire.Feedback(said.id, said.kind.value, said.suggestion, epoch_ms(said.updated_at))


def cited_files(quotes: Quotes, links: Links) -> list[wire.CitedFile]:
    """The texts that an answer cites."""
    return [_cited_file(file, links) for file in quotes.files]


def citation_nodes(quotes: Quotes) -> list[wire.CitationNode]:
    """What the marks of an answer point to, one after the other."""
    return [
        wire.CitationNode(
            _node(passage),
            passage.score,
            _per_cent(passage.score),
            passage.number,
            passage.excerpt,
            passage.start,
            passage.end,
        )
        for passage in quotes.passages
    ]


def conversation(entry: Entry, unread: int, links: Links) -> wire.Conversation:
    """One conversation; `unread` counts the conversations of its inbox that hold something unread."""
    item, channel = entry.item, entry.channel
    return wire.Conversation(
        id=item.id,
        contact=_light_contact(item, links),
        inbox=wire.LightInbox(channel.id, channel.name, channel.kind.value, unread, sign_auth=None),
        title=item.title,
        last_message=_last_message(entry),
        last_message_created_at=epoch_ms(item.active_at),
        unread_messages_count=item.unread_count,
        # Nobody has switched the assistant off: there is no such switch.
        auto_reply_enabled=True,
        is_auto_reply_now=True,
        last_read_at=epoch_ms(item.last_read_at) if item.last_read_at else None,
        created_at=epoch_ms(item.created_at),
        is_group_chat=False,
        enable_group_mention=False,
        enable_loading_animation=True,
        query_metadata=item.metadata,
        tool_mask={},
        llm=uuid5(_MODELS, links.house.engine.model_name),
        ip_address=item.ip_address or "",
        ip_recorded_at=epoch_ms(item.created_at),
    )


def contact(found: Contact, links: Links) -> wire.Contact:
    """Someone who talks."""
    return wire.Contact(
        found.id,
        found.name,
        found.avatar_url or links.avatar,
        found.email,
        found.phone_number,
        found.external_id or "",
        epoch_ms(found.created_at),
    )


def chatbot(assistant: Assistant, bases: Iterable[KnowledgeBase]) -> wire.Chatbot:
    """An assistant."""
    return wire.Chatbot(
        assistant.id,
        assistant.name,
        assistant.instructions,
        assistant.greeting,
        [wire.Named(base.id, base.name) for base in bases],
        epoch_ms(assistant.created_at),
    )


def inbox(found: Inbox) -> wire.Inbox:
    """A way in; its channel is the web chat of the same id."""
    return wire.Inbox(
        id=found.id,
        name=found.name,
        channel_type=found.kind.value,
        unread_conversations_count=found.unread_count,
        sign_auth=None,
        channel=wire.Named(found.id, found.name),
        chatbot=wire.Named(found.assistant_id, found.assistant_name),
    )


def web_chat(found: Inbox) -> wire.WebChat:
    """An inbox of type web."""
    named = wire.Named(found.assistant_id, found.assistant_name)
    return wire.WebChat(found.id, found.name, named, epoch_ms(found.created_at))


def webhook(found: Webhook, secret: str) -> wire.Webhook:
    """Where a chatbot's answers are posted."""
    return wire.Webhook(found.id, found.url, secret, epoch_ms(found.created_at))


def record(reviewed: Reviewed) -> wire.Record:
    """A question with its answer and all that is known of how it came about."""
    found = reviewed.record
    scores: dict[str, Any] = {}
    for metric in Metric:
        value = reviewed.scores.get(metric)
        scores[f"{metric.value}_score"] = value
        scores[f"display_{metric.value}_score"] = None if value is None else _per_cent(value)
    return wire.Record(
        id=found.id,
        sender_name=found.sender_name or VISITOR,
        feedback=feedback(reviewed.feedback),
        input_message=found.question,
        condense_message=found.standalone_question or found.question,
        output_message=found.answer,
        reply_time=f"{(found.reply_ms or 0) / 1000:.3f}",
        created_at=epoch_ms(found.created_at),
        error=found.error or "",
        processing_time=found.timings_ms,
        usage={_camel(name): count for name, count in found.usage.items()},
        citation_nodes=[
            wire.RecordNode(str(_node_id(passage)), passage.text) for passage in reviewed.quotes.passages
        ],
        context=reviewed.context,
        **scores,
    )


def _speaker(shown: Shown, links: Links) -> wire.Speaker:
    said, sender = shown.message, shown.message.sender
    if said.role is not Role.USER:
        return wire.Speaker(shown.assistant.id, shown.assistant.name, links.avatar, None, None)
    if sender is None:
        return wire.Speaker(said.conversation_id, VISITOR, links.avatar, None, None)
    avatar = sender.avatar_url or links.avatar
    return wire.Speaker(sender.id, sender.name, avatar, sender.email, sender.phone_number)


def _type(role: Role, kind: str) -> str:
    if kind != TEXT:
        return kind
    return INCOMING if role is Role.USER else OUTGOING


def _canvas(said: Message) -> wire.Canvas | None:
    if said.canvas is None:
        return None
    sent = said.canvas
    return wire.Canvas(
        uuid5(said.id, "canvas"),
        sent["name"],
        sent["canvas_type"],
        sent["title"],
        sent["content"],
        epoch_ms(said.created_at),
    )


def _light_contact(item: InboxItem, links: Links) -> wire.LightContact:
    who = item.contact
    if who is None:
        return wire.LightContact(item.id, VISITOR, links.avatar, "")
    return wire.LightContact(
        who.id, who.name or VISITOR, who.avatar_url or links.avatar, who.external_id or ""
    )


def _last_message(entry: Entry) -> wire.LastMessage | None:
    last = entry.item.last_message
    if last is None:
        return None
    return wire.LastMessage(
        last.id,
        _type(last.role, last.kind),
        last.content,
        last.payload,
        feedback(entry.feedback),
        epoch_ms(last.created_at),
        last.metadata,
    )


def _cited_file(file: CitedFile, links: Links) -> wire.CitedFile:
    base, category = file.knowledge_base_id, file.category_id
    return wire.CitedFile(
        id=file.id,
        filename=file.name,
        file=links.cited(file),
        file_type=_file_type(file.name),
        knowledge_base=wire.Named(base, file.knowledge_base_name) if base else None,
        size=file.size_bytes,
        status="deleting" if file.kind is CitedKind.GONE else "done",
        parser=_PARSER,
        labels=[wire.Named(category, file.category_name)] if category else [],
        raw_user_define_metadata=None,
        created_at=epoch_ms(file.created_at),
    )


def _file_type(name: str) -> str:
    _, dot, ending = name.rpartition(".")
    return ending.lower() if dot and ending.isalnum() and len(ending) <= 8 else "txt"


def _node(passage: CitedPassage) -> wire.TextNode:
    return wire.TextNode(
        id=_node_id(passage),
        characters_count=len(passage.text),
        hits_count=passage.hits_count,
        text=passage.text,
        updated_at=epoch_ms(passage.file.updated_at),
        filename=passage.file.name,
        chatbot_file=passage.file.id,
        # A text without pages is one page.
        page_number=passage.page or 1,
    )


def _node_id(passage: CitedPassage) -> UUID:
    return uuid5(passage.file.id, str(passage.chunk_id))


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _per_cent(score: float) -> int:
    return round(min(1.0, max(0.0, score)) * 100)
