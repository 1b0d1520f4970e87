"""The jail: what a hostile or broken file can't do, and that the next one is read all the same."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from rag.errors import Unreadable
from rag.extract import Extractor, Limits

pytestmark = pytest.mark.asyncio(loop_scope="module")

SMALL = Limits(max_file_bytes=2**20, max_text_chars=10_000)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def extractor() -> AsyncIterator[Extractor]:
    made = Extractor(SMALL)
    yield made
    await made.close()


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note.md"
    path.write_text("---\ntitle: Leave\n---\nYou earn six hours.\n", encoding="utf-8")
    return path


def child_pids() -> set[int]:
    listed = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {int(pid) for file in listed for pid in file.read_text().split()}


async def extract_and_fail(limits: Limits, path: Path) -> str:
    extractor = Extractor(limits)
    try:
        with pytest.raises(Unreadable) as caught:
            await extractor.extract(path, path.name)
    finally:
        await extractor.close()
    return str(caught.value)


async def test_a_document_comes_back_as_pages_with_type_and_title(extractor: Extractor, note: Path) -> None:
    found = await extractor.extract(note, "note.md")
    assert found.title == "Leave"
    assert found.media_type == "text/markdown"
    assert [page.text.strip() for page in found.pages] == ["You earn six hours."]


async def test_many_documents_at_once_keep_their_own_answers(extractor: Extractor, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.txt" for number in range(12)]
    for path in paths:
        path.write_text(f"text of {path.name}", encoding="utf-8")
    found = await asyncio.gather(*(extractor.extract(path, path.name) for path in paths))
    assert [each.pages[0].text for each in found] == [f"text of {path.name}" for path in paths]


async def test_a_reason_comes_back_as_a_sentence(extractor: Extractor, tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(bytes(range(256)) * 4)
    with pytest.raises(Unreadable, match=r"type is unknown; add PDF.*\.$"):
        await extractor.extract(path, path.name)


async def test_a_missing_file_and_a_folder_are_refused(extractor: Extractor, tmp_path: Path) -> None:
    for path in (tmp_path / "gone.pdf", tmp_path):
        with pytest.raises(Unreadable, match="missing or not a plain file"):
            await extractor.extract(path, "gone.pdf")


async def test_a_file_over_the_size_limit_is_refused(extractor: Extractor, tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    path.write_bytes(b"a" * (2**20 + 1))
    with pytest.raises(Unreadable, match="larger than 1 MB"):
        await extractor.extract(path, path.name)


async def test_a_text_over_the_length_limit_is_refused(extractor: Extractor, tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("word " * 5_000, encoding="utf-8")
    with pytest.raises(Unreadable, match="over 10,000 characters"):
        await extractor.extract(path, path.name)


async def test_a_lost_child_is_replaced_and_the_document_is_read(extractor: Extractor, note: Path) -> None:
    before = child_pids()
    own = Extractor(SMALL)
    await own.extract(note, "note.md")
    (pid,) = child_pids() - before
    os.kill(pid, 9)
    assert (await own.extract(note, "note.md")).title == "Leave"
    await own.close()


async def test_a_document_that_takes_too_long_is_ended_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "slow.csv"
    path.write_text("a,b,c\n" * 500_000, encoding="utf-8")
    assert "took longer" in await extract_and_fail(Limits(max_wall_s=0.05), path)


async def test_a_document_that_computes_too_long_is_ended_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "slow.csv"
    path.write_text("a,b,c\n" * 3_000_000, encoding="utf-8")
    assert "took longer" in await extract_and_fail(Limits(max_cpu_s=1), path)


async def test_a_document_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.txt"
    path.write_bytes(b"a" * (8 * 2**20))
    assert "memory" in await extract_and_fail(Limits(max_memory_bytes=2**20), path)


async def test_giving_up_on_a_document_leaves_the_next_one_its_place(tmp_path: Path, note: Path) -> None:
    slow = tmp_path / "slow.csv"
    slow.write_text("a,b,c\n" * 1_000_000, encoding="utf-8")
    extractor = Extractor(Limits(concurrency=1))
    await extractor.extract(note, "note.md")
    given_up = asyncio.create_task(extractor.extract(slow, "slow.csv"))
    await asyncio.sleep(0)
    given_up.cancel()
    assert (await extractor.extract(note, "note.md")).title == "Leave"
    await extractor.close()
    await asyncio.gather(given_up, return_exceptions=True)


async def test_closing_leaves_no_process_behind(note: Path) -> None:
    before = child_pids()
    extractor = Extractor(SMALL)
    await extractor.extract(note, "note.md")
    await extractor.close()
    await extractor.close()
    assert child_pids() == before


CONFINED = """
import os, socket, sys
from rag.extract.limits import Limits
from rag.extract.sandbox import confine, cut_network

def refused(act):
    try:
        act()
    except (OSError, MemoryError) as error:
        return True
    return False

port, target = int(sys.argv[1]), sys.argv[2]
can_cut = os.fork() == 0 and os._exit(0 if cut_network() else 1) or os.waitpid(-1, 0)[1] == 0
confine(Limits(max_memory_bytes=2**26), os.getppid())
print(not can_cut or refused(lambda: socket.create_connection(("127.0.0.1", port), 5)))
print(refused(lambda: bytearray(2**27)))
print(refused(lambda: os.write(os.open(target, os.O_CREAT | os.O_WRONLY), b"x")))
"""


async def test_a_confined_process_has_no_network_little_memory_and_writes_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [
            sys.executable,
            "-c",
            CONFINED,
            str(server.getsockname()[1]),
            str(tmp_path / "new"),
        ]
        path = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
        ended = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
        )
    assert ended.stdout.split() == ["True", "True", "True"], ended.stderr


LOADED = """
import os, sys
from rag.extract.parse import preload
preload()
print(*(name for name in ("onnxruntime", "pymupdf4llm", "torch") if sys.modules.get(name)))
print(len(os.listdir("/proc/self/task")))
"""


async def test_the_parsers_bring_no_model_no_telemetry_and_no_threads() -> None:
    path = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    env = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    ended = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", LOADED], capture_output=True, text=True, env=env
    )
    assert ended.stdout.splitlines() == ["", "1"], ended.stderr
