"""Bytes -> pages: every supported file type, parsed in a jailed child."""

from rag.extract.jail import Extractor, Reading
from rag.extract.limits import Limits
from rag.extract.media import REFUSED, ZIP, media_type
from rag.extract.unpack import Member, is_archive, unpack

__all__ = ["REFUSED", "ZIP", "Extractor", "Limits", "Member", "Reading", "is_archive", "media_type", "unpack"]
