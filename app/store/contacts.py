"""Rows of contacts."""

from uuid import UUID

from msgspec.structs import asdict

from app.domain.contacts import Contact, NewContact
from app.domain.paging import PageOf
from app.store.rows import Connection, fetch, find, value
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)


async def insert_contact(connection: Connection, contact: NewContact) -> Contact | None:
    """The new contact, or None when its channel knows the external id already."""
    return await find(connection, Contact, Q["insert_contact"], asdict(contact))


async def find_contact(connection: Connection, workspace_id: UUID, contact_id: UUID) -> Contact | None:
    """The workspace's contact, or None."""
    parameters = {"workspace_id": workspace_id, "contact_id": contact_id}
    return await find(connection, Contact, Q["find_contact"], parameters)


async def list_contacts(
    connection: Connection, workspace_id: UUID, offset: int, limit: int
) -> PageOf[Contact]:
    """Some of the workspace's contacts, newest first."""
    parameters = {"workspace_id": workspace_id, "offset": offset, "limit": limit}
    items = await fetch(connection, Contact, Q["list_contacts"], parameters)
    return PageOf(items, await value(connection, Q["count_contacts"], parameters))
