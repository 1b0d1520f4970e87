"""The picture of whoever has none."""

from litestar import Response, get

_AVATAR = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" width="64" height="64">'
    '<circle cx="32" cy="32" r="32" fill="#8a94a6"/><circle cx="32" cy="25" r="11" fill="#fff"/>'
    '<path d="M12 54a20 18 0 0 1 40 0 32 32 0 0 1-40 0z" fill="#fff"/></svg>'
)


@get("/avatar.svg", summary="The default avatar", security=[], include_in_schema=False)
async def default_avatar() -> Response[str]:
    """A plain picture of a person; it needs no key, since browsers load pictures without one."""
    return Response(_AVATAR, media_type="image/svg+xml", headers={"Cache-Control": "public, max-age=86400"})
