"""How much one file may cost before it is refused."""

from msgspec import Struct


class Limits(Struct, frozen=True):
    """The bounds of reading one file.

    Units: `max_memory_bytes` is address space above what the loaded parsers take; `max_ratio` is unpacked
    over packed bytes of one archive member; `concurrency` is the number of files read at once;
    `max_ocr_page_s` and `max_ocr_s` are for recognising the text of one picture and of all in a file, on top
    of the time for reading.
    """

    max_file_bytes: int = 100 * 2**20
    max_text_chars: int = 20_000_000
    max_memory_bytes: int = 2**30
    max_cpu_s: int = 120
    max_wall_s: float = 180.0
    max_members: int = 5_000
    max_ratio: int = 200
    max_unpacked_bytes: int = 2**30
    max_pages: int = 50_000
    max_ocr_page_s: float = 30.0
    max_ocr_s: float = 600.0
    concurrency: int = 2

    @property
    def longest_s(self) -> float:
        """The most time that one file can take."""
        return self.max_wall_s + self.max_ocr_s

    @property
    def too_long(self) -> str:
        """The reason for refusing a text beyond the limit."""
        return f"The file holds over {self.max_text_chars:,} characters of text; split it into smaller ones."

    @property
    def too_many_pages(self) -> str:
        """The reason for leaving out the pages beyond the limit."""
        return f"Only the first {self.max_pages:,} pages are read; split the file into smaller ones."

    @property
    def too_large(self) -> str:
        """The reason for refusing a file beyond the limit."""
        return f"The file is larger than {self.max_file_bytes / 2**20:g} MB; split it into smaller files."


# A member smaller than this may have any ratio: a sparse sheet or a blank page packs very well.
RATIO_MATTERS_FROM_BYTES = 10 * 2**20
