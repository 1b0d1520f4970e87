"""The start of a worker process: `python -m workers.main`."""

import asyncio
import logging
import os
import signal
import sys
import threading

import dramatiq
import structlog
from dramatiq.asyncio import EventLoopThread, set_event_loop_thread

from app.domain.errors import DomainError
from app.observe.logs import configure_logging
from app.queue import DELIVERIES, QUEUE, DramatiqQueue, make_broker
from app.services.attend import attend, leave
from app.services.follow_model import follow_model
from app.services.house import close_house, open_house
from app.settings import Settings, WrongSetting, read_settings
from app.store.pool import DATABASE_ERRORS
from workers import notify, schedule, score, sync
from workers.shop import Shop

_STOP_WITHIN_MS = 10_000
_NICENESS = 10  # who asks waits now, a sync can wait; rag/README.md, "Speed"

log = structlog.get_logger()


def main() -> int:
    """The exit code, after a signal to stop."""
    try:
        settings = read_settings()
    except WrongSetting as error:
        sys.stderr.write(f"{error}\n")
        return 1
    configure_logging(settings.log_level)
    if not settings.database_url:
        sys.stderr.write("LECTERN_DATABASE_URL is not set: start the worker with `lectern worker`.\n")
        return 1
    os.nice(_NICENESS)
    try:
        run(settings)
    except DomainError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def run(settings: Settings) -> None:
    """Works until SIGTERM or SIGINT.

    The actors' event loop is Dramatiq's, started here and not by its middleware: what goes wrong while the
    house is opened must end the process, and Dramatiq only logs errors of middleware.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    loop = EventLoopThread(logging.getLogger("dramatiq.asyncio"))
    loop.start(timeout=5.0)
    set_event_loop_thread(loop)
    try:
        _work(settings, loop, stop)
    finally:
        set_event_loop_thread(None)
        loop.loop.call_soon_threadsafe(loop.loop.stop)
        loop.join()


def _work(settings: Settings, loop: EventLoopThread, stop: threading.Event) -> None:
    # A broker each: Dramatiq warns of several crews on one.
    jobs_broker, posts_broker, ticks_broker = (make_broker(settings, settings.database_url) for _ in range(3))
    shop = Shop()
    loop.run_coroutine(_open(shop, settings, jobs_broker))
    sync.declare(jobs_broker, shop)
    score.declare(jobs_broker, shop)
    notify.declare(posts_broker, shop)
    tick = schedule.declare(ticks_broker, shop)
    crews = (
        _crew(jobs_broker, QUEUE, settings.worker_threads),
        _crew(posts_broker, DELIVERIES, notify.THREADS),
        _crew(ticks_broker, schedule.QUEUE, 1),
    )
    for crew in crews:
        crew.start()
    log.info("worker ready", threads=settings.worker_threads, pid=os.getpid())
    while not stop.is_set():
        _send_tick(tick)
        stop.wait(schedule.TICK_S)
    log.info("worker stops: jobs under way go back to the queue")
    loop.run_coroutine(shop.hand_back())
    for crew in crews:
        crew.stop(timeout=_STOP_WITHIN_MS)
    for broker in (posts_broker, ticks_broker):
        broker.close()
    loop.run_coroutine(_close(shop))


def _crew(broker: dramatiq.Broker, queue: str, threads: int) -> dramatiq.Worker:
    # The queue is named: the broker that jobs are announced through knows those of the others too.
    return dramatiq.Worker(broker, queues={queue}, worker_threads=threads, worker_timeout=500)


async def _open(shop: Shop, settings: Settings, broker: dramatiq.Broker) -> None:
    queue = DramatiqQueue(broker)
    shop.open(await open_house(settings, settings.database_url, queue=queue, llm="scores"))
    shop.pulse = asyncio.create_task(attend(shop.house, shop.worker_id))
    shop.follower = asyncio.create_task(follow_model(shop.house))


async def _close(shop: Shop) -> None:
    for task in (shop.pulse, shop.follower):
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    await leave(shop.house, shop.worker_id)
    await close_house(shop.house)


def _send_tick(tick: "dramatiq.Actor[..., object]") -> None:
    try:
        tick.send()
    except (dramatiq.DramatiqError, OSError, *DATABASE_ERRORS) as error:
        # The broker may be restarting; the process outlives that and ticks again.
        log.warning("tick not sent: due syncs wait for the next one", cause=str(error))


if __name__ == "__main__":
    sys.exit(main())
