"""The unpacking process: confines itself, checks the archive on standard input, hands out its members."""

import os
import sys
from collections.abc import Iterator

import msgspec

from rag.extract.archive import checked_members, contents, open_archive
from rag.extract.endings import tell
from rag.extract.limits import Limits
from rag.extract.sandbox import confine, set_alarm
from rag.extract.wire import Handed, Unpacked


def main() -> None:
    """Unpacks one archive; the arguments are the limits as JSON and the process that asked."""
    limits = msgspec.json.decode(sys.argv[1], type=Limits)
    set_alarm(limits.max_wall_s)
    confine(limits, int(sys.argv[2]))
    with os.fdopen(1, "wb") as pipe:
        tell(pipe, _handed(limits))


def _handed(limits: Limits) -> Iterator[Handed]:
    with os.fdopen(0, "rb") as file, open_archive(file) as archive:
        members = checked_members(archive, limits)
        # From here on the pace is that of the server, which takes in one member after another.
        set_alarm(0)
        yield from contents(archive, members)
    yield Unpacked()


if __name__ == "__main__":
    main()
