"""The rows of a manual data source; the document names them `row` in most calls and `rows` in one."""

from typing import Any

from litestar import Request, delete, get, post, put

from app.api.channel import translate, wire
from app.api.channel.auth import InHouse, Visiting
from app.services import manage_rows

_PATHS = ["/data-sources/row", "/data-sources/rows"]
_LIST_PATHS = [f"{path}/list" for path in _PATHS]


@post(_PATHS, status_code=200, summary="Create manual data source rows", takes=wire.CreateRows)
async def create_rows(request: Request[Any, Any, Any], house: InHouse, visit: Visiting) -> wire.Success:
    """Creates rows; they answer after the next sync."""
    body = await wire.read_request(request, wire.CreateRows)
    await manage_rows.add_rows(house, visit, body.data_source_id, translate.new_rows(body))
    return wire.Success()


@post(_LIST_PATHS, status_code=200, summary="List data source rows", takes=wire.ListRows)
async def list_rows(request: Request[Any, Any, Any], house: InHouse, visit: Visiting) -> wire.Rows:
    """Lists the rows of a data source."""
    body = await wire.read_request(request, wire.ListRows)
    wanted = translate.page_request(body.limit, body.cursor)
    return translate.data_source_rows(await manage_rows.list_rows(house, visit, body.data_source_id, wanted))


@get(_PATHS, summary="Get manual data source row", takes=wire.RowId)
async def get_row(request: Request[Any, Any, Any], house: InHouse, visit: Visiting) -> wire.OneRow:
    """Reads a row with its content and the state of its index."""
    body = await wire.read_request(request, wire.RowId)
    document, content = await manage_rows.get_row(house, visit, body.data_source_id, body.data_source_row_id)
    return wire.OneRow(data_source_row=translate.data_source_row(document, content))


@put(_PATHS, summary="Update manual data source rows", takes=wire.ChangeRows)
async def change_rows(request: Request[Any, Any, Any], house: InHouse, visit: Visiting) -> wire.Success:
    """Changes rows; their old text answers until the next sync."""
    body = await wire.read_request(request, wire.ChangeRows)
    await manage_rows.change_rows(house, visit, body.data_source_id, translate.changes(body))
    return wire.Success()


@delete(_PATHS, status_code=200, summary="Delete manual data source rows", takes=wire.DeleteRows)
async def delete_rows(request: Request[Any, Any, Any], house: InHouse, visit: Visiting) -> wire.Success:
    """Deletes rows; none of their text answers from now on."""
    body = await wire.read_request(request, wire.DeleteRows)
    await manage_rows.delete_rows(house, visit, body.data_source_id, translate.row_ids(body))
    return wire.Success()
