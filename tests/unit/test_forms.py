"""Multipart forms: bounded, on disk, and looked at before their files are taken."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from litestar import Litestar, Request, Response, post

from app.api.forms import Form, read_form
from app.domain.errors import Forbidden

BOUNDARY = "a-boundary"


def disposition(name: str, filename: str | None = None) -> str:
    named = "" if filename is None else f'; filename="{filename}"'
    return f'Content-Disposition: form-data; name="{name}"{named}'


def part(head: str, data: bytes) -> bytes:
    return f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + data + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


class Reads:
    """An application that reads forms, and what it read."""

    def __init__(self) -> None:
        self.form = Form()
        self.data: dict[str, bytes] = {}
        self.rolled: dict[str, bool] = {}
        self.asked: list[dict[str, str]] = []
        self.most_bytes: int | None = None
        self.refuses = False

    def take(self, form: Form) -> None:
        self.form = form
        self.data = {name: item.file.read() for name, item in form.files.items()}
        self.rolled = {name: bool(item.file._rolled) for name, item in form.files.items()}  # type: ignore[attr-defined]

    async def look(self, fields: dict[str, str]) -> int:
        self.asked.append(dict(fields))
        if self.refuses:
            raise Forbidden("No.")
        assert self.most_bytes is not None
        return self.most_bytes


@pytest.fixture
def reads() -> Reads:
    return Reads()


@pytest.fixture
async def client(reads: Reads) -> AsyncIterator[httpx.AsyncClient]:
    @post("/")
    async def read(request: Request[Any, Any, Any]) -> None:
        async with read_form(request, None if reads.most_bytes is None else reads.look) as form:
            reads.take(form)

    def refuse(_request: Request[Any, Any, Any], error: Exception) -> Any:
        return Response({"detail": str(error)}, status_code=403)

    application = Litestar(
        [read], request_max_body_size=4 * 2**20, exception_handlers={Forbidden: refuse}, openapi_config=None
    )
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://lectern.test") as opened:
        yield opened


async def send(client: httpx.AsyncClient, body: bytes, step: int = 65_536) -> httpx.Response:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), step):
            yield body[start : start + step]

    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return await client.post("/", content=pieces(), headers=headers)


async def test_fields_and_files_come_as_they_were_sent(client: httpx.AsyncClient, reads: Reads) -> None:
    files = {"file": ("手册.pdf", b"%PDF" * 10), "empty": ("x", b"")}
    reply = await client.post("/", data={"key": "a/b ñ", "twice": ["1", "2"]}, files=files)
    assert reply.status_code == 201, reply.text
    assert reads.form.fields == {"key": "a/b ñ", "twice": "2"}
    assert reads.data == {"file": b"%PDF" * 10, "empty": b""}
    assert reads.form.files["file"].name == "手册.pdf"
    assert all(item.file.closed for item in reads.form.files.values())


async def test_a_large_file_goes_to_the_disk(client: httpx.AsyncClient, reads: Reads) -> None:
    large = bytes(range(256)) * 12_000
    body = part(disposition("small", "s"), b"x") + part(disposition("file", "l"), large) + END
    assert (await send(client, body)).status_code == 201
    assert reads.data == {"small": b"x", "file": large}
    assert reads.rolled == {"small": False, "file": True}


@pytest.mark.parametrize("step", [1, 7, 64])
async def test_it_does_not_matter_where_the_body_is_cut(
    client: httpx.AsyncClient, reads: Reads, step: int
) -> None:
    tricky = b"\r\n--a-bound\r\n--\r\n" * 3
    body = part(disposition("key"), b"k") + part(disposition("file", "f"), tricky) + END
    assert (await send(client, body, step)).status_code == 201
    assert (reads.form.fields, reads.data) == ({"key": "k"}, {"file": tricky})


async def test_a_text_is_no_file_and_an_empty_name_is_nothing_at_all(
    client: httpx.AsyncClient, reads: Reads
) -> None:
    body = part(disposition("file"), b"text \xff") + part(disposition("other", ""), b"") + END
    assert (await send(client, body)).status_code == 201
    assert (reads.form.fields, reads.form.files) == ({"file": "text \ufffd"}, {})


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("filename*=utf-8''%E6%89%8B%E5%86%8C.pdf", "手册.pdf"),
        ("filename*=ISO-8859-1'en'a%F1o.pdf", "año.pdf"),
        ("filename=\"plain.pdf\"; filename*=UTF-8''other.pdf", "plain.pdf"),
        ('filename="a%22b.pdf"', 'a"b.pdf'),
    ],
)
async def test_a_name_comes_in_any_of_the_forms_that_clients_use(
    client: httpx.AsyncClient, reads: Reads, sent: str, name: str
) -> None:
    body = part(f"{disposition('file')}; {sent}", b"x") + END
    assert (await send(client, body)).status_code == 201
    assert reads.form.files["file"].name == name


async def test_the_fields_are_looked_at_before_any_file_is_taken(
    client: httpx.AsyncClient, reads: Reads
) -> None:
    reads.most_bytes, reads.refuses = 10, True
    body = part(disposition("key"), b"k") + part(disposition("file", "f"), b"x" * 100) + END
    assert (await send(client, body)).status_code == 403
    assert reads.asked == [{"key": "k"}] and reads.form.files == {}
    reads.refuses = False
    body = body[: -len(END)] + part(disposition("late"), b"1") + END
    assert (await send(client, body)).status_code == 201
    assert reads.data == {"file": b"x" * 10}
    assert reads.form.fields == {"key": "k", "late": "1"}


BROKEN = {
    "cut": (part(disposition("file", "f"), b"data") + END)[:-10],
    "empty": b"",
    "no form": b"no form at all",
    "too many parts": part(disposition("a"), b"x") * 65 + END,
    "a long field": part(disposition("a"), b"x" * 65_537) + END,
    "long fields": part(disposition("a"), b"x" * 40_000) * 2 + END,
    "a long header": part("X: " + "y" * 9000 + "\r\n" + disposition("a"), b"") + END,
    "no name": part("X: y", b"data") + END,
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN.keys())
async def test_a_broken_or_excessive_form_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    reply = await send(client, body)
    assert reply.status_code == 400
    assert reply.json()["detail"].startswith("Multipart form parse error - ")


async def test_a_body_over_the_limit_is_refused(client: httpx.AsyncClient) -> None:
    assert (await send(client, part(disposition("f", "f"), bytes(5 * 2**20)) + END)).status_code == 413


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=\xe9", "; boundary=" + "b" * 300])
async def test_a_boundary_that_is_none_is_refused(client: httpx.AsyncClient, boundary: str) -> None:
    headers = {"Content-Type": f"multipart/form-data{boundary}".encode("latin-1")}
    reply = await client.post("/", content=b"--x--", headers=headers)  # type: ignore[arg-type]
    assert reply.status_code == 400
