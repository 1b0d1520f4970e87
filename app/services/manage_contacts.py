"""Contacts: add one, list them, find one."""

from uuid import UUID

from app.domain.contacts import Contact, NewContact
from app.domain.errors import Invalid
from app.domain.paging import PageOf
from app.services.house import House
from app.store import contacts


async def add_contact(house: House, new: NewContact) -> Contact:
    """The stored contact.

    Raises: Invalid when its inbox knows the external id already.
    """
    async with house.pool.connection() as connection:
        added = await contacts.insert_contact(connection, new)
    if added is None:
        raise Invalid("A contact with this source id is there already.", "sourceId")
    return added


async def find_contact(house: House, workspace_id: UUID, contact_id: UUID) -> Contact | None:
    """The workspace's contact, or None."""
    async with house.pool.connection() as connection:
        return await contacts.find_contact(connection, workspace_id, contact_id)


async def list_contacts(house: House, workspace_id: UUID, offset: int, limit: int) -> PageOf[Contact]:
    """Some of the workspace's contacts, newest first."""
    async with house.pool.connection() as connection:
        return await contacts.list_contacts(connection, workspace_id, offset, limit)
