"""Contacts: who talks."""

from typing import Any

from litestar import Request, get, post

from app.api import drf
from app.api.maiagent import bodies, translate, wire
from app.api.maiagent.auth import Calling, InHouse, base_url
from app.api.paging import Link, offset_links, offset_span
from app.domain.contacts import NewContact
from app.services import identify, manage_contacts


@post("/contacts", status_code=201, summary="Create a contact", takes=bodies.NewContact)
async def create_contact(request: Request[Any, Any, Any], house: InHouse, caller: Calling) -> wire.Contact:
    """Adds a contact, whose id can be the `sender` of messages."""
    body = await drf.read_body(request, bodies.NewContact)
    if body.inbox and await identify.visit_inbox(house, caller, body.inbox) is None:
        raise drf.no_such("inbox", body.inbox)
    new = NewContact(
        caller.workspace_id,
        body.name,
        body.inbox,
        body.source_id or None,
        body.avatar,
        body.email or None,
        body.phone_number or None,
    )
    added = await manage_contacts.add_contact(house, new)
    return translate.contact(added, translate.Links(house, base_url(request, house)))


@get("/contacts", summary="List contacts")
async def list_contacts(
    request: Request[Any, Any, Any], house: InHouse, caller: Calling
) -> wire.Page[wire.Contact]:
    """Lists the contacts of the key's organization, newest first, by `limit` and `offset`."""
    span = offset_span(request.query_params)
    found = await manage_contacts.list_contacts(house, caller.workspace_id, span.offset, span.limit)
    links = translate.Links(house, base_url(request, house))
    following, before = offset_links(Link(request, links.base), span, found.total)
    results = [translate.contact(item, links) for item in found.items]
    return wire.Page(found.total, following, before, results)
