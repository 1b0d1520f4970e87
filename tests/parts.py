"""What tests of several folders share."""

from app.domain.jobs import Job
from app.services.house import House
from app.services.run_jobs import run_job
from app.services.sync_source import sync_source


class HeldQueue:
    """A job queue that keeps its jobs until the test has them worked off."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    async def send(self, job: Job) -> bool:
        self.jobs.append(job)
        return True

    def close(self) -> None:
        self.jobs.clear()

    async def work_off(self, house: House) -> None:
        while self.jobs:
            await run_job(house, self.jobs.pop(0).id, sync_source)
