"""Files that come along with a message: sent as they are, or named by the key of an upload."""

from typing import Any
from uuid import UUID

from litestar import Request, post
from litestar.params import FromPath

from app.api import drf
from app.api.forms import CONTENT_TYPE, Form, read_form
from app.api.maiagent import bodies, translate, wire
from app.api.maiagent.auth import Calling, InHouse, base_url, id_in_path
from app.domain.attachments import Attachment, AttachmentKind, NewAttachment
from app.domain.errors import NotFound
from app.services import attach, identify, receive_uploads
from app.services.house import House

NO_FILE = "No file was submitted."
NOT_A_FILE = "The submitted data was not a file. Check the encoding type on the form."

_SHOWN_CHARS = 100


@post(
    "/attachments",
    status_code=201,
    summary="Create an attachment",
    takes=bodies.NewAttachment,
    takes_file=True,
)
async def create_attachment(
    request: Request[Any, Any, Any], house: InHouse, caller: Calling
) -> wire.Attachment:
    """Stores a file for a message: the `file` of a form, or in JSON the key of a presigned upload."""
    stored = await _store(request, house, caller.workspace_id, None)
    return translate.attachment(stored, translate.Links(house, base_url(request, house)))


@post(
    "/conversations/{conversation_id:str}/attachments",
    status_code=201,
    summary="Create an attachment of a conversation",
    takes=bodies.NewAttachment,
    takes_file=True,
)
async def create_conversation_attachment(
    request: Request[Any, Any, Any], house: InHouse, caller: Calling, conversation_id: FromPath[str]
) -> wire.Attachment:
    """Stores a file for a message of that conversation."""
    wanted = id_in_path(conversation_id)
    if await identify.visit_conversation(house, caller, wanted) is None:
        raise NotFound("Conversation not found.")
    stored = await _store(request, house, caller.workspace_id, wanted)
    return translate.attachment(stored, translate.Links(house, base_url(request, house)))


async def _store(
    request: Request[Any, Any, Any], house: House, workspace_id: UUID, conversation_id: UUID | None
) -> Attachment:
    if request.content_type[0] == CONTENT_TYPE:
        return await _keep(request, house, workspace_id, conversation_id)
    body = await drf.read_body(request, bodies.NewAttachment)
    wrong: dict[str, list[str]] = {}
    if not isinstance(body.file, str) or not body.file:
        wrong["file"] = [NO_FILE if body.file in (None, "") else NOT_A_FILE]
    new = NewAttachment(body.filename or "", _kind(body.type, wrong), conversation_id)
    if wrong:
        raise drf.WrongFields(wrong)
    return await receive_uploads.claim_upload(house, workspace_id, body.file, new)


async def _keep(
    request: Request[Any, Any, Any], house: House, workspace_id: UUID, conversation_id: UUID | None
) -> Attachment:
    async with read_form(request) as form:
        file = form.files.get("file")
        wrong = {} if file else no_file(form)
        kind = _kind(form.fields.get("type"), wrong)
        if file is None or wrong:
            raise drf.WrongFields(wrong)
        new = NewAttachment(form.fields.get("filename") or file.name, kind, conversation_id)
        return await attach.keep_attachment(house, workspace_id, file.file, new)


def no_file(form: Form) -> dict[str, list[str]]:
    """What is wrong with a form that has no `file`."""
    return {"file": [NOT_A_FILE if form.fields.get("file") else NO_FILE]}


def _kind(said: Any, wrong: dict[str, list[str]]) -> AttachmentKind | None:
    """What the client says that the file is; what is no text leaves it to the content."""
    if not isinstance(said, str) or not said:
        return None
    try:
        return AttachmentKind(said)
    except ValueError:
        wrong["type"] = [f'"{said[:_SHOWN_CHARS]}" is not a valid choice.']
        return None
