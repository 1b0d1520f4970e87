"""The generator over a GGUF model in this process: one answer at a time behind a bounded queue."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rag.errors import ModelBusy, ModelUnavailable
from rag.generate import Ask, Piece
from rag.generate.gguf import Chunk, GgufModel, Sampling
from rag.passages import Hit, Question
from rag.prompt import Budget, Message, answer_prompt, condense_messages, condensed

_CONDENSE_TOKENS = 96
_Outcome = Chunk | ModelUnavailable
_Write = Callable[[], Sequence[Message]]  # runs on the model's thread, as it counts tokens


class LlamaGenerator:
    """Answers with a GGUF model; loading takes seconds, so construct it in a thread.

    Raises: ModelUnavailable when llama-cpp-python or the file is missing, or the file can't be loaded.
    """

    def __init__(self, path: Path, context_tokens: int = 4096, queue: int = 8) -> None:
        self.name = path.stem
        self._model = GgufModel(path, context_tokens)
        self._queue = queue
        self._pending = 0  # running and waiting
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="llama")
        self._running: set[threading.Event] = set()
        self._closed = False

    async def condense(self, question: Question) -> str | None:
        """The stand-alone question by the model, or None when there is no conversation or no usable reply.

        Raises: ModelBusy when the queue is full, ModelUnavailable when the model fails.
        """
        if not question.history:
            return None
        reply = await self.complete(lambda budget: condense_messages(question, budget), _CONDENSE_TOKENS)
        return condensed(reply, question)

    async def complete(self, ask: Ask, most_tokens: int) -> str:
        """The model's reply at temperature 0.

        Raises: ModelBusy when the queue is full, ModelUnavailable when the model fails.
        """

        def write() -> Sequence[Message]:
            return ask(self._budget(most_tokens))

        return "".join([chunk.text async for chunk in self._stream(write, self._sampling(most_tokens, 0.0))])

    async def generate(
        self, question: Question, standalone_question: str, hits: tuple[Hit, ...]
    ) -> AsyncIterator[Piece]:
        """The answer's pieces; closing the iterator stops the model within a token.

        Raises: ModelBusy when the queue is full, ModelUnavailable when the model fails.
        """

        def write() -> Sequence[Message]:
            budget = self._budget(question.max_answer_tokens)
            return answer_prompt(question, standalone_question, hits, budget).messages

        stream = self._stream(write, self._sampling(question.max_answer_tokens, question.temperature))
        try:
            async for chunk in stream:
                yield Piece(chunk.text, chunk.prompt_tokens, chunk.answer_tokens, chunk.finish_reason)
        finally:
            await stream.aclose()

    async def close(self) -> None:
        """Stops what runs and frees the model."""
        if self._closed:
            return
        self._closed = True
        for cancelled in self._running:
            cancelled.set()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._model.close)
        self._thread.shutdown(wait=False)

    def _sampling(self, tokens: int, temperature: float) -> Sampling:
        return Sampling(self._model.answer_tokens(tokens), temperature)

    def _budget(self, answer_tokens: int) -> Budget:
        room = self._model.context_tokens - self._model.answer_tokens(answer_tokens)
        return Budget(room, self._model.count)

    async def _stream(self, write: _Write, sampling: Sampling) -> AsyncGenerator[Chunk, None]:
        self._admit()
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[_Outcome] = asyncio.Queue()
        cancelled = threading.Event()
        self._running.add(cancelled)

        def work() -> None:
            for outcome in _outcomes(self._model, write, sampling, cancelled):
                loop.call_soon_threadsafe(arrived.put_nowait, outcome)

        job = loop.run_in_executor(self._thread, work)
        job.add_done_callback(lambda _: self._release(cancelled))
        try:
            finished = False
            while not finished:
                outcome = await arrived.get()
                if isinstance(outcome, ModelUnavailable):
                    raise outcome
                finished = outcome.finish_reason is not None
                yield outcome
        finally:
            cancelled.set()

    def _admit(self) -> None:
        if self._closed:
            raise ModelUnavailable("The language model is shut down; start the server again.")
        if self._pending > self._queue:
            raise ModelBusy(f"{self._pending} questions are waiting for the language model; try again soon.")
        self._pending += 1

    def _release(self, cancelled: threading.Event) -> None:
        self._pending -= 1
        self._running.discard(cancelled)


def _outcomes(
    model: GgufModel, write: _Write, sampling: Sampling, cancelled: threading.Event
) -> Iterator[_Outcome]:
    """The chunks of a reply, or the error in their place; one given up while it waited costs nothing."""
    if cancelled.is_set():
        yield ModelUnavailable("The language model was stopped before it answered; ask again.")
        return
    try:
        yield from model.stream(write(), sampling, cancelled)
    except ModelUnavailable as error:
        yield error
    except Exception as error:  # noqa: BLE001 - the end of the stream: whoever waits must hear of it
        yield ModelUnavailable(f"The language model failed ({error!r}); ask again.")
