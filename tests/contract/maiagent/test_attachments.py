"""Files that people send: attachments, presigned uploads, and the links that serve them."""

import asyncio
import io
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from docx import Document

from app.services.house import House

from ...attachments import PNG, stored
from .door import UNKNOWN_ID, Door
from .schemas import ATTACHMENT, assert_schema

NOTE = b"The canteen opens at noon and closes at three."
NO_FILE = {"file": ["No file was submitted."]}
NOT_A_FILE = {"file": ["The submitted data was not a file. Check the encoding type on the form."]}
S3_FIELDS = ("key", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "policy", "x-amz-signature")


async def send_file(
    door: Door, data: bytes = NOTE, name: str = "note.txt", path: str = "/attachments/", **fields: str
) -> Any:
    return await door.ok("POST", path, files={"file": (name, data)}, data=fields)


async def announce(door: Door, data: bytes = NOTE, name: str = "note.txt") -> tuple[str, dict[str, str]]:
    body = {
        "filename": name,
        "modelName": "attachment",
        "fieldName": "file",
        "fileSize": len(data),
    }
    reply = await door.ok("POST", "/upload-presigned-url/", body)
    assert reply.keys() == {"url", "fields"}
    return str(reply["url"]), {field: reply["fields"][field] for field in S3_FIELDS}


async def post_file(
    door: Door, url: str, fields: dict[str, str], data: bytes = NOTE, **files: Any
) -> httpx.Response:
    """The form of a browser: the fields as they were handed out, the file last, no key."""
    return await door.http.post(url, data=fields, files=files or {"file": ("blob", data)})


async def download(door: Door, link: str) -> httpx.Response:
    return await door.http.get(link)


async def test_a_file_in_a_form_becomes_an_attachment(door: Door) -> None:
    sent = await door.call("POST", "/attachments/", files={"file": ("photo.png", PNG)})
    assert sent.status_code == 201
    attachment = sent.json()
    assert_schema(attachment, ATTACHMENT)
    assert (attachment["type"], attachment["filename"]) == ("image", "photo.png")
    assert attachment["conversation"] is None
    assert (await download(door, attachment["file"])).content == PNG
    assert (await send_file(door, PNG, "x", type="sticker"))["type"] == "sticker"


async def test_a_file_for_a_conversation(door: Door, stranger: Door) -> None:
    conversation, foreign = await door.start(), await stranger.start()
    attachment = await send_file(door, path=f"/conversations/{conversation}/attachments/")
    assert_schema(attachment, ATTACHMENT)
    assert attachment["conversation"] == conversation
    for other in (foreign, UNKNOWN_ID, "x"):
        for more in ({"files": {"file": ("a", NOTE)}}, {"body": {"file": "media/x", "filename": "a"}}):
            reply = await door.call("POST", f"/conversations/{other}/attachments/", **more)
            assert (reply.status_code, reply.json()) == (404, {"detail": "Not found."})


async def test_what_is_no_file_is_refused_in_the_frameworks_words(door: Door) -> None:
    for options, refusal in (
        ({"data": {"other": "1"}, "files": {"x": ("x", b"x")}}, NO_FILE),
        ({"files": {"file": ("", b"")}}, NO_FILE),
        ({"files": {"file": (None, b"text")}}, NOT_A_FILE),
        ({"files": {"file": ("a.txt", b"")}}, {"file": ["The submitted file is empty."]}),
        ({"body": {}}, NO_FILE),
        ({"body": {"file": None}}, NO_FILE),
        ({"body": {"file": ""}}, NO_FILE),
        ({"body": {"file": 3}}, NOT_A_FILE),
        ({"body": {"file": {}, "type": "film"}}, NOT_A_FILE | {"type": ['"film" is not a valid choice.']}),
        ({"files": {"file": ("a", b"x")}, "data": {"type": "x"}}, {"type": ['"x" is not a valid choice.']}),
    ):
        reply = await door.call("POST", "/attachments/", **options)
        assert (reply.status_code, reply.json()) == (400, refusal), options
    reply = await door.call("POST", "/attachments/", content=b"x", headers={"Content-Type": "text/plain"})
    assert reply.status_code == 415
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    reply = await door.call("POST", "/attachments/", content=b"nothing", headers=broken)
    assert reply.status_code == 400
    assert reply.json()["detail"].startswith("Multipart form parse error - ")


async def test_a_file_or_a_body_over_the_limit_is_refused(door: Door, house: House) -> None:
    for data in (bytes(8 * 2**20 + 1), bytes(10 * 2**20)):
        reply = await door.call("POST", "/attachments/", files={"file": ("large", data)})
        assert reply.status_code == 413
    reply = await door.call("POST", "/attachments/", {"file": "x" * 3 * 2**20})
    assert reply.status_code == 413
    assert stored(house) == []


async def test_a_browser_announces_sends_claims_and_attaches_a_file(
    served_door: Door, document_id: str
) -> None:
    door = served_door
    url, fields = await announce(door, name="menu 手册.txt")
    assert urlsplit(url).netloc == urlsplit(str(door.http.base_url)).netloc
    assert fields["key"].endswith("/menu 手册.txt")
    sent = await post_file(door, url, fields)
    assert (sent.status_code, sent.content) == (204, b"")
    claim = {"file": fields["key"], "filename": "menu.txt", "type": "other"}
    conversation = await door.start()
    reply = await door.call("POST", f"/conversations/{conversation}/attachments/", claim)
    assert reply.status_code == 201
    attachment = reply.json()
    assert_schema(attachment, ATTACHMENT)
    assert (attachment["filename"], attachment["conversation"]) == ("menu.txt", conversation)
    said = await door.say(conversation, "When does the canteen open?", attachments=[attachment])
    assert said["attachments"] == [attachment]
    answered = await door.answered(conversation)
    assert answered[-1]["attachments"] == [attachment]


async def test_the_key_of_an_upload_can_be_sent_with_a_question(door: Door, document_id: str) -> None:
    url, fields = await announce(door)
    assert (await post_file(door, url, fields)).status_code == 204
    offered = {"type": {}, "filename": "note.txt", "file": fields["key"]}
    reply = await door.ask(message={"attachments": [offered]})
    (read,) = reply["attachments"]
    assert (read["filename"], read["unreadReason"]) == ("note.txt", None)


async def test_a_picture_is_stored_and_named_as_unread(door: Door, document_id: str) -> None:
    attachment = await send_file(door, PNG, "photo.png")
    reply = await door.ask(message={"attachments": [attachment]})
    (read,) = reply["attachments"]
    assert read["unreadReason"] == "Pictures are stored but not read."


async def test_a_word_file_is_read_for_the_answer(door: Door, document_id: str) -> None:
    buffer = io.BytesIO()
    document = Document()
    document.add_paragraph("The canteen opens at noon.")
    document.save(buffer)
    attachment = await send_file(door, buffer.getvalue(), "menu.docx")
    reply = await door.ask("When does the canteen open?", message={"attachments": [attachment]})
    assert reply["attachments"][0]["unreadReason"] is None


async def test_an_upload_is_good_for_one_file_and_needs_its_fields(door: Door, house: House) -> None:
    url, fields = await announce(door)
    not_allowed = {"detail": "You do not have permission to perform this action."}
    for wrong in (
        {},
        {**fields, "key": "media/../../x"},
        {**fields, "x-amz-signature": "0" * 64},
        {**fields, "policy": "e30="},
        {name: value for name, value in fields.items() if name != "policy"},
    ):
        reply = await post_file(door, url, wrong)
        assert (reply.status_code, reply.json()) == (403, not_allowed)
    # The file first: nobody knows yet what it is for.
    files = [("file", ("blob", NOTE)), *((name, (None, value)) for name, value in fields.items())]
    reply = await door.http.post(url, files=files)
    assert reply.status_code == 403
    assert (await door.http.post(url, data=fields)).status_code == 415
    assert stored(house) == []
    for data in (NOTE + b"x", NOTE[:-1], NOTE * 1000, b""):
        reply = await post_file(door, url, fields, data)
        assert (reply.status_code, list(reply.json())) == (400, ["file"])
    reply = await post_file(door, url, fields, other=("other", NOTE))
    assert (reply.status_code, reply.json()) == (400, NO_FILE)
    reply = await post_file(door, url, {**fields, "file": "text"}, other=("other", NOTE))
    assert (reply.status_code, reply.json()) == (400, NOT_A_FILE)
    posts = await asyncio.gather(*(post_file(door, url, {**fields, "extra": "1"}) for _ in range(4)))
    assert sorted(reply.status_code for reply in posts) == [204, 403, 403, 403]
    assert stored(house) == [NOTE]


async def test_a_foreign_key_is_answered_like_an_unknown_one(door: Door, stranger: Door) -> None:
    url, fields = await announce(stranger)
    await post_file(door, url, fields)
    _, unused = await announce(door)
    replies = [
        await door.call("POST", "/attachments/", {"file": key, "filename": "x"})
        for key in (fields["key"], unused["key"], f"media/{UNKNOWN_ID}/x", "../../etc/passwd")
    ]
    assert {reply.status_code for reply in replies} == {400}
    assert {reply.text for reply in replies} == {
        '{"file":["No file was uploaded under this key; upload it first."]}'
    }


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ({}, {"filename": ["This field is required."], "fileSize": ["This field is required."]}),
        ({"fileSize": "x", "filename": ""}, {
            "filename": ["This field may not be blank."], "fileSize": ["A valid integer is required."],
        }),
        ({"fileSize": 0, "filename": "a"}, {
            "fileSize": ["Ensure this value is greater than or equal to 1."],
        }),
        ({"fileSize": 2**40, "filename": "a"}, {
            "fileSize": [f"Ensure this value is less than or equal to {8 * 2**20}."],
        }),
        ({"fileSize": True, "filename": "a\0"}, {
            "filename": ["Null characters are not allowed."], "fileSize": ["A valid integer is required."],
        }),
    ],
)  # fmt: skip
async def test_a_wrong_announcement_is_refused_field_by_field(
    door: Door, wrong: dict[str, Any], fields: dict[str, Any]
) -> None:
    reply = await door.call("POST", "/upload-presigned-url/", wrong)
    assert (reply.status_code, reply.json()) == (400, fields)


async def test_a_link_serves_the_file_as_a_download_and_nothing_more(door: Door) -> None:
    page = b"<script>alert(document.domain)</script>"
    attachment = await send_file(door, page, 'r\u00e9sum\u00e9 "final" 手册.html')
    for link in (attachment["file"], attachment["file"].replace("/api/", "/api/v1/") + "/"):
        reply = await download(door, link)
        assert reply.content == page
        headers = reply.headers
        assert headers["content-disposition"] == (
            'attachment; filename="r_sum_ _final_ __.html"; '
            "filename*=UTF-8''r%C3%A9sum%C3%A9%20%22final%22%20%E6%89%8B%E5%86%8C.html"
        )
        assert headers["content-length"] == str(len(page))
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; sandbox"


async def test_a_link_that_was_not_handed_out_leads_nowhere(door: Door) -> None:
    link = (await send_file(door))["file"]
    token = urlsplit(link).path.split("/")[3]
    for path in (
        f"/api/files/{token[:-1]}/note.txt",
        f"/api/files/{'A' * 43}/note.txt",
        "/api/files/..%2f..%2fetc%2fpasswd/x",
        "/api/files/%00/x",
    ):
        reply = await door.http.get(path)
        assert (reply.status_code, reply.json()) == (404, {"detail": "Not found."})
    # The name is for people: it opens nothing and closes nothing.
    assert (await door.http.get(f"/api/files/{token}/other%00..name")).content == NOTE
    assert (await door.http.get(f"/api/files/{token}")).content == NOTE


async def test_a_large_file_comes_and_goes_over_a_real_socket(served_door: Door) -> None:
    large = bytes(range(256)) * 4096 * 7
    attachment = await send_file(served_door, large, "large.bin")
    async with served_door.http.stream("GET", attachment["file"]) as reply:
        assert reply.headers["content-length"] == str(len(large))
        assert b"".join([block async for block in reply.aiter_bytes()]) == large


async def test_without_a_key_only_the_presigned_form_and_links_are_served(door: Door) -> None:
    nobody = Door(door.http, door.created)
    nobody.key = "wrong"
    for path in ("/attachments/", f"/conversations/{UNKNOWN_ID}/attachments/", "/upload-presigned-url/"):
        for options in ({"files": {"file": ("a", NOTE)}}, {"body": {}}):
            assert (await nobody.call("POST", path, **options)).status_code == 401


async def test_an_attachment_that_cannot_be_had_is_refused_with_its_name(door: Door, stranger: Door) -> None:
    foreign = await send_file(stranger)
    for file in (foreign["file"], "http://10.0.0.1/a.pdf", "http://[::1]/", "media/x", "nonsense"):
        offered = {"type": "other", "filename": "a.pdf", "file": file}
        body = {"message": {"content": "Hello", "attachments": [offered]}}
        reply = await door.call("POST", f"/chatbots/{door.chatbot_id}/completions/", body)
        assert reply.status_code == 400
        assert reply.json()["message"]["attachments"][0].startswith("a.pdf: ")
        body = {"conversation": await door.start(), "content": "Hello", "attachments": [offered]}
        reply = await door.call("POST", "/messages/", body)
        assert (reply.status_code, list(reply.json())) == (400, ["attachments"])
