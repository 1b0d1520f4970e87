"""The server of the bench of the API: the real one, with a clock on its event loop.

Started with the number of a pipe. For each line that comes in, a line of JSON goes to the pipe: how long the
loop was blocked at most, and how much memory was used at most, since the line before.
"""

import asyncio
import json
import os
import socket
import sys
import threading
import time
from pathlib import Path

import uvloop

from app.main import serve
from app.settings import Settings, read_settings

_TICK_S = 0.002


class Clock:
    """How late the event loop has called at most, and how much of that its own thread was computing.

    The rest is waiting: for a processor, or for other threads to let go of the interpreter.
    """

    def __init__(self) -> None:
        self._worst = (0.0, 0.0)

    async def run(self) -> None:
        """Ticks as long as the loop runs."""
        while True:
            before, used = time.perf_counter(), time.thread_time()
            await asyncio.sleep(_TICK_S)
            late_s = time.perf_counter() - before - _TICK_S
            self._worst = max(self._worst, (late_s, time.thread_time() - used))

    def lap(self) -> dict[str, float]:
        """The worst since the lap before, in milliseconds."""
        (late_s, used_s), self._worst = self._worst, (0.0, 0.0)
        return {"blocked_ms": round(late_s * 1000, 1), "computing_ms": round(used_s * 1000, 1)}


def _answer(clock: Clock, pipe: int) -> None:
    for _ in sys.stdin:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        peak_kb = int(status.split("VmHWM:")[1].split()[0])
        # "5" makes the peak begin anew.
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        os.write(pipe, json.dumps(clock.lap() | {"peak_mb": peak_kb // 1024}).encode() + b"\n")


async def _serve(settings: Settings, pipe: int) -> None:
    clock = Clock()
    threading.Thread(target=_answer, args=(clock, pipe), daemon=True).start()
    async with asyncio.TaskGroup() as tasks:
        ticking = tasks.create_task(clock.run())
        await serve(settings, socket.create_server((settings.host, settings.port)))
        ticking.cancel()


if __name__ == "__main__":
    uvloop.run(_serve(read_settings(), int(sys.argv[1])))
