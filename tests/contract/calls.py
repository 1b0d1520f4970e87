"""Every call of every door with a body that is right; `$kind` stands for the id of such a thing.

A route of the application that has no row here, or an id in a body that no row of its route names, fails
test_isolation. Calls that remove something come after those that need it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct


class Call(Struct, frozen=True):
    """What a client sends beside the path: a JSON body, a query, or the fields of a form with a file."""

    body: Any = None
    query: Mapping[str, str] | None = None
    form: bool = False


# What an id in a path is of.
IN_PATH = {
    "channel_id": "$channel",
    "chatbot_id": "$chatbot",
    "conversation_id": "$conversation",
    "message_id": "$message",
}
_DAYS = {"startDate": "2026-01-01", "endDate": "2026-12-31"}
_ROWS = {"dataSourceId": "$source", "dataSourceRows": [{"id": "$row", "name": "a.md", "content": "a"}]}
_ROW = {"dataSourceId": "$source", "dataSourceRowId": "$row"}
_FILE = {"filename": "a.txt", "file": "x"}


def _rows(path: str) -> dict[str, list[Call]]:
    new = [{"name": f"new{path}.md".replace("/", "-"), "content": "b"}]
    return {
        f"channel POST {path}": [Call({"dataSourceId": "$source", "dataSourceRows": new})],
        f"channel POST {path}/list": [
            Call({"dataSourceId": "$source"}),
            Call({"dataSourceId": "$source", "cursor": "$row"}),
        ],
        f"channel GET {path}": [Call(_ROW), Call(query=_ROW)],
        f"channel PUT {path}": [Call(_ROWS)],
    }


CALLS: dict[str, list[Call]] = {
    "channel POST /conversation": [Call()],
    "channel POST /conversations": [Call(), Call({"cursor": "$thread"})],
    "channel POST /message": [
        Call({"message": "Hello", "conversationId": "$thread"}),
        Call({"message": "Hello", "conversationId": "$thread", "stream": True}),
    ],
    "channel POST /messages": [
        Call({"conversationId": "$thread"}),
        Call({"conversationId": "$thread", "cursor": "$utterance"}),
    ],
    "channel POST /data-sources": [Call()],
    "channel POST /data-sources/list": [Call(), Call({"cursor": "$source"})],
    "channel GET /data-sources": [Call({"dataSourceId": "$source"}), Call(query={"dataSourceId": "$source"})],
    "channel PUT /data-sources": [Call({"dataSourceId": "$source", "syncInterval": "day"})],
    **_rows("/data-sources/row"),
    **_rows("/data-sources/rows"),
    "channel POST /data-sources/sync": [Call({"dataSourceId": "$source"})],
    "channel DELETE /data-sources/row": [
        Call({"dataSourceId": "$source", "dataSourceRows": [{"id": "$row"}]})
    ],
    "channel DELETE /data-sources/rows": [Call({"dataSourceId": "$source", "dataSourceRowId": "$other_row"})],
    "channel DELETE /data-sources": [Call({"dataSourceId": "$source"})],
    "maiagent GET /chatbots": [Call()],
    "maiagent GET /chatbots/{chatbot_id}": [Call()],
    "maiagent POST /chatbots/{chatbot_id}/completions": [
        Call({"conversation": "$conversation", "message": {"content": "Hello", "sender": "$contact"}}),
        Call({"conversation": "$conversation", "message": {"content": "Hello"}, "isStreaming": True}),
        Call({"message": {"content": "Hello", "attachments": [_FILE | {"file": "$file"}]}}),
        Call({"message": {"content": "Hello", "attachments": [_FILE | {"id": "$attachment"}]}}),
        Call({"message": {"content": "Hello", "attachments": [_FILE | {"file": "$upload"}]}}),
    ],
    "maiagent GET /chatbots/{chatbot_id}/records": [Call(query=_DAYS)],
    "maiagent GET /chatbots/{chatbot_id}/records/export-excel": [Call(query=_DAYS)],
    "maiagent PUT /chatbots/{chatbot_id}/webhook": [Call({"url": "https://example.org/hook"})],
    "maiagent GET /chatbots/{chatbot_id}/webhook": [Call()],
    "maiagent DELETE /chatbots/{chatbot_id}/webhook": [Call()],
    "maiagent GET /inboxes": [Call()],
    "maiagent GET /web-chats": [Call()],
    "maiagent GET /contacts": [Call()],
    "maiagent POST /contacts": [Call({"name": "Ana", "inbox": "$web_chat"})],
    "maiagent GET /conversations": [
        Call(query={"inbox": "$web_chat"}),
        Call(query={"inbox": "$web_chat", "pageSize": "1", "cursor": "$conversations_cursor"}),
    ],
    "maiagent POST /conversations": [Call({"webChat": "$web_chat"})],
    "maiagent GET /conversations/{conversation_id}": [Call()],
    "maiagent POST /conversations/{conversation_id}/read": [Call()],
    "maiagent GET /messages": [
        Call(query={"conversation": "$conversation"}),
        Call(query={"conversation": "$conversation", "page": "1"}),
        Call(query={"conversation": "$conversation", "pageSize": "1", "cursor": "$messages_cursor"}),
    ],
    "maiagent POST /messages": [
        Call({"conversation": "$conversation", "content": "Hello", "type": "outgoing"}),
        Call({"conversation": "$conversation", "content": "a", "attachments": [_FILE | {"file": "$file"}]}),
        Call(
            {"conversation": "$conversation", "content": "a", "attachments": [_FILE | {"id": "$attachment"}]}
        ),
        Call({"conversation": "$conversation", "content": "a", "attachments": [_FILE | {"file": "$upload"}]}),
    ],
    "maiagent GET /messages/{message_id}": [Call(query={"conversation": "$conversation"})],
    "maiagent POST /messages/{message_id}/feedback": [Call({"type": "like"})],
    "maiagent PUT /messages/{message_id}/feedback": [Call({"type": "dislike"})],
    "maiagent DELETE /messages/{message_id}/feedback": [Call()],
    "maiagent POST /attachments": [Call({"filename": "a.txt", "file": "$upload"}), Call(form=True)],
    "maiagent POST /conversations/{conversation_id}/attachments": [
        Call({"filename": "a.txt", "file": "$upload"}),
        Call(form=True),
    ],
    "maiagent POST /upload-presigned-url": [Call({"filename": "a.txt", "fileSize": 3})],
}
# What takes no key: a signature stands for it, or there is nothing to keep from anybody.
KEYLESS = {
    "maiagent GET /files/{token}",
    "maiagent GET /files/{token}/{name}",
    "maiagent POST /uploads",
    "maiagent GET /avatar.svg",
    "GET /health/live",
    "GET /health/ready",
    "GET /metrics",
    "GET /schema",
    "GET /schema/{path}",
    "GET /schema/openapi.json",
}
Choose = Callable[[str, str], str]


def filled(template: Any, choose: Choose, at: str = "") -> Any:
    """The template with `choose(place, kind)` for each `$kind`; places are as in `Route.id_places`."""
    if isinstance(template, str) and template.startswith("$"):
        return choose(at, template.removeprefix("$"))
    if isinstance(template, Mapping):
        return {
            name: filled(inner, choose, f"{at}.{name}" if at else name) for name, inner in template.items()
        }
    if isinstance(template, list):
        return [filled(inner, choose, f"{at}[]") for inner in template]
    return template
