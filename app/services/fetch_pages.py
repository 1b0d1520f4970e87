"""Websites: a crawl renews the documents of its source; reading them is the sync's."""

import io
from contextlib import aclosing

import msgspec

from app.domain.errors import Invalid
from app.domain.knowledge import Source
from app.services.crawl import CrawledPage, CrawlFailure, CrawlOptions, crawl
from app.services.house import House
from app.store import documents
from app.store.documents import NewContent, NewDocument


async def fetch_pages(house: House, source: Source) -> None:
    """Stores new and changed pages of the site, and drops those that it no longer links to.

    Raises: Invalid when not one page was found.
    """
    options = msgspec.convert(source.options.get("crawl", {}), CrawlOptions)
    seen: set[str] = set()
    failures: list[CrawlFailure] = []
    async with aclosing(crawl(house.outbound, str(source.options["url"]), options)) as pages:
        async for page in pages:
            if isinstance(page, CrawlFailure):
                failures.append(page)
            else:
                seen.add(page.url)
                await _keep(house, source, page)
    if not seen:
        cause = failures[0].reason if failures else "The address led to no HTML page."
        raise Invalid(f"0 pages were found. {cause}", "url")
    await _drop(house, source, seen, {failure.url for failure in failures})


async def _keep(house: House, source: Source, page: CrawledPage) -> None:
    stored = await house.files.keep(io.BytesIO(page.html), ".html")
    superseded: str | None = None
    async with house.pool.connection() as connection:
        known = await documents.find_document_named(connection, source.id, page.url)
        if known is None:
            new = NewDocument(
                page.url, stored.digest, file_key=stored.key, file_bytes=stored.file_bytes, url=page.url
            )
            await documents.insert_document(connection, source, new)
        elif known.content_hash == stored.digest:
            superseded = stored.key
        else:
            content = NewContent(
                known.id, file_key=stored.key, file_bytes=stored.file_bytes, content_hash=stored.digest
            )
            await documents.replace_content(connection, content)
            superseded = known.file_key
    await house.files.delete([superseded] if superseded else [])


async def _drop(house: House, source: Source, seen: set[str], failed: set[str]) -> None:
    """A page that merely failed to load today stays."""
    async with house.pool.connection() as connection:
        await house.engine.lock(connection, source.knowledge_base_id)
        known = await documents.list_document_names(connection, source.id)
        gone = [known[name] for name in known.keys() - seen - failed]
        keys = await documents.list_file_keys(connection, source.id, gone)
        await house.engine.remove(connection, gone)
        await documents.delete_documents(connection, source.id, gone)
    await house.files.delete(keys)
