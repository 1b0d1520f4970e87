"""Making the files that tests read: mail, books, OpenDocument, RTF, pictures."""

import io
import zipfile
from email.message import EmailMessage

from rag.extract.mupdf import load_pymupdf

_ODF = "urn:oasis:names:tc:opendocument:xmlns"


def packed(mimetype: str, files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", mimetype, zipfile.ZIP_STORED)
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def opendocument(kind: str, body: str, styles: str = "", **more: str) -> bytes:
    """`kind` is text, spreadsheet or presentation."""
    spaces = " ".join(
        f'xmlns:{prefix}="{_ODF}:{name}:1.0"'
        for prefix, name in (
            *(("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing")),
            *(("style", "style"), ("presentation", "presentation"), ("manifest", "manifest")),
        )
    )
    content = (
        f"<office:document-content {spaces}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    )
    dublin = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'
    title = "<office:meta><dc:title>Handbook</dc:title></office:meta>"
    meta = f"<office:document-meta {spaces} {dublin}>{title}</office:document-meta>"
    return packed(
        f"application/vnd.oasis.opendocument.{kind}", {"content.xml": content, "meta.xml": meta, **more}
    )


def epub(chapters: dict[str, str], **more: str) -> bytes:
    """A book of these chapters (name -> body), with a table of contents in front."""
    items = "".join(
        f'<item id="c{number}" href="text/{name}" media-type="application/xhtml+xml"/>'
        for number, name in enumerate(chapters)
    )
    order = "".join(f'<itemref idref="c{number}"/>' for number in range(len(chapters)))
    opf = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<dc:title>The  Book</dc:title></metadata><manifest>"
        '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        f'{items}</manifest><spine><itemref idref="nav"/>{order}</spine></package>'
    )
    container = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
    head = '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html><head><title>x</title></head>'
    page = head + "<body>{}</body></html>"
    files = {f"OEBPS/text/{name}": page.format(body) for name, body in chapters.items()}
    nav = page.format("<nav><ol><li>Contents</li></ol></nav>")
    return packed(
        "application/epub+zip",
        {"META-INF/container.xml": container, "OEBPS/book.opf": opf, "OEBPS/nav.xhtml": nav, **files, **more},
    )


def mail(subject: str, plain: str, html: str = "", attached: str = "") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "Zoë <zoe@example.org>", "team@example.org"
    message["Subject"], message["Date"] = subject, "Fri, 16 Dec 2022 17:04:16 -0500"
    message.set_content(plain)
    if html:
        message.add_alternative(html, subtype="html")
    if attached:
        message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename=attached)
    return message


def rtf(body: str) -> bytes:
    """The body in RTF, its other characters as `\\uN?`."""
    written = "".join(
        character
        if ord(character) < 128
        else f"\\u{ord(character) - (65536 if ord(character) > 32767 else 0)}?"
        for character in body
    )
    return rf"{{\rtf1\ansi\ansicpg1252{{\info{{\title Handbook}}}}{written}}}".encode("ascii")


def picture_of(*lines: str, font: str = "helv") -> bytes:
    """The lines in print, as PNG; the font is one that PyMuPDF brings along."""
    pymupdf = load_pymupdf()
    width = max(500, *(60 + pymupdf.get_text_length(line, font, 20) for line in lines))
    page = pymupdf.open().new_page(width=width, height=60 + 40 * len(lines))
    for number, line in enumerate(lines):
        page.insert_text((30, 50 + 40 * number), line, fontsize=20, fontname=font)
    return bytes(page.get_pixmap(dpi=150, colorspace=pymupdf.csGRAY).tobytes("png"))
