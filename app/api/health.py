"""What machines watch: whether this process lives, whether the whole house works, and its figures."""

from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from app.observe.metrics import CONTENT_TYPE, Metrics
from app.services.check_health import Readiness, check_health
from app.services.house import House

InHouse = NamedDependency[SkipValidation[House]]
Measured = NamedDependency[SkipValidation[Metrics]]


@get("/health/live", summary="Whether the process answers")
async def live() -> dict[str, str]:
    """Answers while the process lives; asks nothing else."""
    return {"state": "ok"}


@get("/health/ready", summary="Whether questions and syncs can be worked on")
async def ready(house: InHouse) -> Response[Readiness]:
    """200 when every part works, else 503 with the part that does not."""
    readiness = await check_health(house)
    return Response(
        readiness, status_code=200 if readiness.ready else 503, headers={"Cache-Control": "no-store"}
    )


@get("/metrics", include_in_schema=False)
async def metrics(metrics: Measured) -> Response[bytes]:
    """The figures of this process in the format of Prometheus."""
    return Response(metrics.render(), headers={"Content-Type": CONTENT_TYPE})


def health_router() -> Router:
    """The routes that machines watch."""
    return Router("/", route_handlers=[live, ready, metrics], tags=["health"])
