"""A word of a question with its translations, and tables of such words."""

from collections.abc import Iterator
from importlib import resources

from msgspec import Struct


class Word(Struct, frozen=True):
    """A word or phrase of a question with its English meanings, best first; none where it has no content."""

    text: str
    meanings: tuple[str, ...]

    @property
    def readings(self) -> tuple[str, ...]:
        """What may stand for it in a text: a meaning, or the word itself among texts of both languages."""
        return tuple(dict.fromkeys((*self.meanings, self.text))) if self.meanings else ()


def read_table(name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The phrases of a bundled table, each with its meanings.

    A line is `phrase, phrase<tab>meaning, meaning`; no meaning: the phrase says nothing to search for.
    """
    for line in resources.files(__package__).joinpath(name).read_text(encoding="utf-8").splitlines():
        phrases, _, meanings = line.partition("\t")
        found = tuple(meaning.strip() for meaning in meanings.split(",") if meaning.strip())
        for phrase in phrases.split(","):
            yield phrase.strip(), found
