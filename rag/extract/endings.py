"""How a confined process ends: what it says last, and what is suspected where it says nothing."""

import signal
from collections.abc import Iterable
from typing import BinaryIO

from rag.errors import Unreadable
from rag.extract.wire import Handed, Refused, Said, frame

_BROKEN = "The file could not be read because it is damaged; save it again in its program and add it anew."
MEMORY = "The file needs more memory than is allowed to read it; split it into smaller files."
TIME = "Reading the file took longer than is allowed; split it into smaller files."
_CRASHED = "The file made its reader crash; save it again in its program and add it anew."


def tell(pipe: BinaryIO, messages: Iterable[Said | Handed]) -> None:
    """Writes the messages one by one, and the reason where making them fails."""
    try:
        for message in messages:
            pipe.write(frame(message))
        return
    except Unreadable as error:
        refused = Refused(str(error))
    except MemoryError:
        refused = Refused(MEMORY)
    except Exception:  # noqa: BLE001 - the top of a process that ends here; a parser may raise anything
        refused = Refused(_BROKEN)
    pipe.write(frame(refused))


def suspected(status: int) -> str:
    """Why a process ended that did not say so itself; the kernel kills what takes the last memory.

    Shape: `status` is the exit code, or minus the signal.
    """
    reasons = {-signal.SIGXCPU: TIME, -signal.SIGALRM: TIME, -signal.SIGKILL: MEMORY}
    return reasons.get(status, _CRASHED)
