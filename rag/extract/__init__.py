"""Bytes -> pages: every supported file type, parsed in a jailed child."""

from rag.extract.archive import Member, unpack
from rag.extract.jail import Extractor, Reading
from rag.extract.limits import Limits
from rag.extract.media import REFUSED, ZIP, media_type

__all__ = ["REFUSED", "ZIP", "Extractor", "Limits", "Member", "Reading", "media_type", "unpack"]
