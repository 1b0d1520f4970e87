"""The seed's response schemas, and the check of a reply against them: every field, with its type and form.

Source: seed 001, "Response Schema Example" of every heading; contracts/maiagent.md where a type is left open.
"""

import re
from collections.abc import Callable
from typing import Any

_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
_TIME = re.compile(r"\d{13}")
_URI = re.compile(r"https?://[^\s/]+/\S*")

Check = Callable[[Any], bool]
Schema = Check | dict[str, Any] | list[Any]


def uuid(value: Any) -> bool:
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def time(value: Any) -> bool:
    return isinstance(value, str) and _TIME.fullmatch(value) is not None


def uri(value: Any) -> bool:
    return isinstance(value, str) and _URI.fullmatch(value) is not None


def string(value: Any) -> bool:
    return isinstance(value, str)


def integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def boolean(value: Any) -> bool:
    return isinstance(value, bool)


def anything(value: Any) -> bool:
    return True


def an_object(value: Any) -> bool:
    return value is None or isinstance(value, dict)


def one_of(*values: str) -> Check:
    return lambda value: value in values


class Nullable:
    """What may be null too."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema


def assert_schema(reply: Any, schema: Any, at: str = "$") -> None:
    """Fails with the place where the reply does not follow the schema; fields beyond it are allowed."""
    if isinstance(schema, Nullable):
        if reply is not None:
            assert_schema(reply, schema.schema, at)
    elif isinstance(schema, dict):
        assert isinstance(reply, dict), f"{at}: {reply!r} is no object"
        missing = schema.keys() - reply.keys()
        assert not missing, f"{at}: {missing} missing"
        for name, inner in schema.items():
            assert_schema(reply[name], inner, f"{at}.{name}")
    elif isinstance(schema, list):
        assert isinstance(reply, list), f"{at}: {reply!r} is no list"
        for place, item in enumerate(reply):
            assert_schema(item, schema[0], f"{at}[{place}]")
    else:
        assert schema(reply), f"{at}: {reply!r} is not {schema.__name__}"


FEEDBACK = Nullable(
    {"id": uuid, "type": one_of("like", "dislike"), "suggestion": Nullable(string), "updatedAt": time}
)
ATTACHMENT = {
    "id": uuid,
    "type": one_of("image", "video", "audio", "sticker", "other"),
    "filename": string,
    "file": uri,
    "conversation": Nullable(uuid),
    "unreadReason": Nullable(string),
}
CITATION = {
    "id": uuid,
    "filename": string,
    "file": uri,
    "fileType": string,
    "knowledgeBase": Nullable({"id": uuid, "name": string}),
    "size": integer,
    "status": one_of("initial", "processing", "done", "deleting", "failed"),
    "parser": {"id": uuid, "name": string, "provider": string, "order": integer},
    "labels": [{"id": uuid, "name": string}],
    "rawUserDefineMetadata": an_object,
    "createdAt": time,
}
CITATION_NODE = {
    "chatbotTextNode": {
        "id": uuid,
        "charactersCount": integer,
        "hitsCount": integer,
        "text": string,
        "updatedAt": time,
        "filename": string,
        "chatbotFile": uuid,
        "pageNumber": integer,
    },
    "score": number,
    "displayScore": integer,
    "number": integer,
    "excerpt": string,
    "start": integer,
    "end": integer,
}
MESSAGE = {
    "id": uuid,
    "conversation": uuid,
    "sender": {
        "id": uuid,
        "name": string,
        "avatar": uri,
        "email": Nullable(string),
        "phoneNumber": Nullable(string),
    },
    "type": string,
    "content": string,
    "contentPayload": an_object,
    "feedback": FEEDBACK,
    "createdAt": time,
    "attachments": [ATTACHMENT],
    "citations": [CITATION],
    "citationNodes": [CITATION_NODE],
    "canvas": Nullable(
        {
            "id": uuid,
            "name": string,
            "canvasType": anything,
            "title": string,
            "content": string,
            "createdAt": time,
        }
    ),
    "queryMetadata": an_object,
}
MESSAGES = {"count": integer, "next": Nullable(uri), "previous": Nullable(uri), "results": [MESSAGE]}
CONVERSATION = {
    "id": uuid,
    "contact": {"id": uuid, "name": string, "avatar": uri, "sourceId": string},
    "inbox": {
        "id": uuid,
        "name": string,
        "channelType": one_of("line", "telegram", "web", "messenger"),
        "unreadConversationsCount": integer,
        "signAuth": an_object,
    },
    "title": string,
    "lastMessage": Nullable(
        {
            "id": uuid,
            "type": string,
            "content": string,
            "contentPayload": an_object,
            "feedback": FEEDBACK,
            "createdAt": time,
            "queryMetadata": an_object,
        }
    ),
    "lastMessageCreatedAt": time,
    "unreadMessagesCount": integer,
    "autoReplyEnabled": boolean,
    "isAutoReplyNow": boolean,
    "lastReadAt": Nullable(time),
    "createdAt": time,
    "isGroupChat": boolean,
    "enableGroupMention": boolean,
    "enableLoadingAnimation": boolean,
    "queryMetadata": an_object,
    "toolMask": an_object,
    "llm": uuid,
    "ipAddress": string,
    "ipRecordedAt": time,
}
CONVERSATIONS = {"next": Nullable(uri), "previous": Nullable(uri), "results": [CONVERSATION]}
_METRICS = (
    "Faithfulness",
    "AnswerRelevancy",
    "ContextPrecision",
    "AnswerCorrectness",
    "AnswerSimilarity",
    "ContextRecall",
)
RECORD = {
    "id": uuid,
    "senderName": string,
    "feedback": FEEDBACK,
    "inputMessage": string,
    "condenseMessage": string,
    "outputMessage": string,
    **{f"{name[0].lower()}{name[1:]}Score": Nullable(number) for name in _METRICS},
    **{f"display{name}Score": Nullable(integer) for name in _METRICS},
    "replyTime": string,
    "createdAt": time,
    "error": string,
    "processingTime": an_object,
    "usage": an_object,
    "citationNodes": [{"id": string, "text": string}],
    "context": string,
}
RECORDS = {"count": integer, "next": Nullable(uri), "previous": Nullable(uri), "results": [RECORD]}
COMPLETION = {
    "conversationId": uuid,
    "content": string,
    "done": boolean,
    "citations": [CITATION],
    "citationNodes": [CITATION_NODE],
}
