"""Presigned uploads: announced with a key, sent without one.

Source: contracts/maiagent.md; the form is that of Amazon S3's "Browser-Based Uploads Using POST".
"""

from typing import Any

from litestar import Request, post

from app.api import drf
from app.api.forms import CONTENT_TYPE, read_form
from app.api.maiagent import bodies, wire
from app.api.maiagent.attachments import no_file
from app.api.maiagent.auth import Calling, InHouse, base_url
from app.services import receive_uploads


@post("/upload-presigned-url", status_code=200, summary="Announce an upload", takes=bodies.NewUpload)
async def announce_upload(request: Request[Any, Any, Any], house: InHouse, caller: Calling) -> wire.Presigned:
    """Gives the address and the form's fields for one file of that size, to be sent within 15 minutes."""
    body = await drf.read_body(request, bodies.NewUpload)
    announced = await receive_uploads.announce_upload(
        house, caller.workspace_id, body.filename, body.file_size
    )
    return wire.Presigned(base_url(request, house) + announced.path, announced.fields)


@post(
    "/uploads",
    status_code=204,
    summary="Send an announced file",
    security=[{}],
    takes_file=True,
    fails=(wire.Failure, (400, 403, 413, 415)),
)
async def receive_upload(request: Request[Any, Any, Any], house: InHouse) -> None:
    """Takes the announced file, last in a form with the fields that were handed out; needs no key."""
    if request.content_type[0] != CONTENT_TYPE:
        raise drf.Unsupported(request.content_type[0])

    async def look_up(fields: dict[str, str]) -> int:
        return (await receive_uploads.find_announced(house, fields)).announced_bytes + 1

    async with read_form(request, look_up) as form:
        # What stands behind the file is not looked at before it.
        announced = await receive_uploads.find_announced(house, form.fields)
        if "file" not in form.files:
            raise drf.WrongFields(no_file(form))
        await receive_uploads.receive_upload(house, announced, form.files["file"].file)
