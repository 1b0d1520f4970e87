"""The manual data sources of the assistant's knowledge base."""

from typing import Any

from litestar import Request, delete, get, post, put

from app.api.channel import translate, wire
from app.api.channel.auth import InHouse, Visiting
from app.services import manage_sources, sync_source


@post("/data-sources", status_code=200, summary="Create manual data source")
async def create_source(house: InHouse, visit: Visiting) -> wire.OneDataSource:
    """Creates an empty manual data source."""
    source = await manage_sources.create_source(house, visit)
    return wire.OneDataSource(data_source=translate.data_source(source))


@post("/data-sources/list", status_code=200, summary="List manual data sources", takes=wire.ListItems)
async def list_sources(request: Request[Any, Any, Any], house: InHouse, visit: Visiting) -> wire.DataSources:
    """Lists the manual data sources."""
    body = await wire.read_request(request, wire.ListItems)
    wanted = translate.page_request(body.limit, body.cursor)
    return translate.data_sources(await manage_sources.list_sources(house, visit, wanted))


@get("/data-sources", summary="Get manual data source", takes=wire.SourceId)
async def get_source(request: Request[Any, Any, Any], house: InHouse, visit: Visiting) -> wire.OneDataSource:
    """Reads a data source with the state of its index."""
    body = await wire.read_request(request, wire.SourceId)
    source = await manage_sources.get_source(house, visit, body.data_source_id)
    return wire.OneDataSource(data_source=translate.data_source(source))


@put("/data-sources", summary="Update manual data source", takes=wire.ChangeSource)
async def change_source(
    request: Request[Any, Any, Any], house: InHouse, visit: Visiting
) -> wire.OneDataSource:
    """Sets how often a data source is synced by itself."""
    body = await wire.read_request(request, wire.ChangeSource)
    interval = translate.sync_interval(body.sync_interval)
    source = await manage_sources.set_interval(house, visit, body.data_source_id, interval)
    return wire.OneDataSource(data_source=translate.data_source(source))


@delete("/data-sources", status_code=200, summary="Delete manual data source", takes=wire.SourceId)
async def delete_source(request: Request[Any, Any, Any], house: InHouse, visit: Visiting) -> wire.Success:
    """Deletes a data source with its rows; none of its text answers from now on."""
    body = await wire.read_request(request, wire.SourceId)
    await manage_sources.delete_source(house, visit, body.data_source_id)
    return wire.Success()


@post("/data-sources/sync", status_code=200, summary="Sync manual data source", takes=wire.SourceId)
async def request_sync(request: Request[Any, Any, Any], house: InHouse, visit: Visiting) -> wire.Success:
    """Starts to bring the index up to date; the states on the source and its rows tell how far it is."""
    body = await wire.read_request(request, wire.SourceId)
    await sync_source.request_sync(house, visit, body.data_source_id)
    return wire.Success()
