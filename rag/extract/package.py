"""Office files as what they are: a ZIP of XML parts with relations, read by local names."""

import io
import posixpath
import zipfile
from collections.abc import Iterator
from typing import Any

from lxml import etree

from rag.errors import Unreadable
from rag.extract.archive import BROKEN, check_sizes
from rag.extract.limits import Limits

# lxml has no types of its own; its elements are Any to the checker.
Element = Any

_DAMAGED = "The file is damaged; open and save it again in its program, then add it anew."
_ENTITIES = "The file defines XML entities, which office programs never do and attackers do; save it anew."
_PROLOG_BYTES = 65_536
_OFFICE_XML = (".xml", ".rels", ".vml")


class Package:
    """The parts of one office file.

    Local names are used throughout, so that both the transitional and the strict namespaces read.
    """

    def __init__(self, data: bytes, limits: Limits, checked: tuple[str, ...] = _OFFICE_XML) -> None:
        """Raises: Unreadable when the container is broken, too large or declares XML entities.

        Parts with one of the `checked` endings may have no document type at all.
        """
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except BROKEN as error:
            raise Unreadable(_DAMAGED) from error
        check_sizes(self._zip, limits, tolerant=True)
        self._names = {info.filename.lower(): info.filename for info in self._zip.infolist()}
        for name in self.names(checked):
            self._refuse_entities(name)

    def names(self, ending: str | tuple[str, ...], folder: str = "") -> list[str]:
        """The parts below `folder` whose name has this ending, in lower case."""
        return [name for name in self._names if name.endswith(ending) and name.startswith(folder)]

    def read(self, name: str) -> bytes:
        """The bytes of a part; none when it is missing or broken."""
        actual = self._names.get(name.lower())
        if actual is None:
            return b""
        try:
            return self._zip.read(actual)
        except BROKEN:
            return b""

    def xml(self, name: str) -> Element | None:
        """The root of a part, repaired where it is broken; None without such a part or any XML in it."""
        data = self.read(name)
        if not data:
            return None
        parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            recover=True,
            huge_tree=True,
            remove_comments=True,
            remove_pis=True,
        )
        try:
            root = etree.fromstring(data, parser)
        except etree.XMLSyntaxError:
            return None
        return root

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Relation id -> (kind, part) for what `part` points to; kind is the last word of the type."""
        folder, file = posixpath.split(part)
        root = self.xml(posixpath.join(folder, "_rels", f"{file}.rels"))
        found: dict[str, tuple[str, str]] = {}
        for relation in root if root is not None else ():
            target = relation.get("Target", "")
            if relation.get("TargetMode") == "External" or not target:
                continue
            path = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            found[relation.get("Id", "")] = (relation.get("Type", "").rsplit("/", 1)[-1], path)
        return found

    def related(self, part: str, kind: str) -> list[str]:
        """The parts of one kind that `part` points to, in the order of the relations."""
        return [path for found, path in self.relations(part).values() if found == kind]

    def main_part(self, usual: str) -> str:
        """The part that the package names as its document, else the usual one."""
        return next(iter(self.related("", "officeDocument")), usual)

    def title(self) -> str | None:
        """The title in the core properties."""
        for part in self.related("", "core-properties") or ["docProps/core.xml"]:
            for element in descendants(self.xml(part), "title"):
                return (element.text or "").strip() or None
        return None

    def _refuse_entities(self, name: str) -> None:
        try:
            with self._zip.open(self._names[name]) as part:
                prolog = part.read(_PROLOG_BYTES).replace(b"\0", b"")
        except BROKEN:
            return
        if b"<!DOCTYPE" in prolog or b"<!ENTITY" in prolog:
            raise Unreadable(_ENTITIES)


def local(element: Element) -> str:
    """The element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def child(element: Element | None, *path: str) -> Element | None:
    """The first child by local names, level by level; None when a level is missing."""
    for name in path:
        element = next((e for e in element if local(e) == name), None) if element is not None else None
    return element


def attribute(element: Element | None, name: str) -> str | None:
    """An attribute by its local name."""
    if element is None:
        return None
    return next((str(v) for k, v in element.attrib.items() if str(k).rpartition("}")[2] == name), None)


def value(element: Element | None, *path: str) -> str | None:
    """The `val` attribute of a descendant by local names."""
    return attribute(child(element, *path), "val")


def relation_id(element: Element) -> str:
    """The relation id of an element; `id` without a namespace is another thing."""
    found = (v for k, v in element.attrib.items() if str(k).startswith("{") and str(k).endswith("}id"))
    return str(next(found, ""))


def words_of(element: Element) -> str:
    """All text of the element, white space folded."""
    return " ".join("".join(str(part) for part in element.itertext()).split())


def holder(element: Element, *names: str) -> Element | None:
    """The nearest ancestor with one of the local names."""
    return next((each for each in element.iterancestors() if local(each) in names), None)


def descendants(element: Element | None, *names: str) -> Iterator[Element]:
    """All elements below with one of the local names, in document order."""
    if element is not None:
        yield from (e for e in element.iter(*(f"{{*}}{name}" for name in names)))
