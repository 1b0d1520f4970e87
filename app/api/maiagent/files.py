"""Files that links lead to."""

import re
from typing import Any
from urllib.parse import quote

from litestar import get
from litestar.params import FromPath
from litestar.response import Stream

from app.api.maiagent.auth import InHouse
from app.services import serve_files
from app.services.serve_files import ServedFile

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 ._()+-]")


@get(
    ["/files/{token:str}/{name:str}", "/files/{token:str}"],
    summary="Download a file",
    security=[{}],
    include_in_schema=False,
)
async def download_file(house: InHouse, token: FromPath[str]) -> Stream:
    """Sends a file; its link is its key, so that browsers can follow it."""
    served = await serve_files.open_file(house, token)
    return Stream(served.blocks, media_type=served.media_type, headers=_headers(served))


def _headers(served: ServedFile) -> dict[str, Any]:
    """What keeps a stranger's file from being more than a download.

    Source: RFC 6266 section 5 (both forms of the name).
    """
    plain, whole = _NOT_PLAIN.sub("_", served.name), quote(served.name, safe="")
    return {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}",
        "Content-Length": str(served.file_bytes),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-cache",
    }
