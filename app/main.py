"""create_app: assembles the API; nothing happens at import."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app import version
from app.compat import router as compat_router
from app.edge import Edge, problem_response
from app.errors import ServiceFault
from app.job_routes import router as job_router
from app.lifetime import Services, open_services
from app.openapi import serve_whole
from app.profiles import profiles_of
from app.routes import DIRECT, router
from app.settings import Settings


def create_app(settings: Settings, services: Services | None = None) -> FastAPI:
    """The API.

    Args:
        settings: of this process.
        services: already opened ones, for tests and in-process use; None opens them with the application.

    Raises: ProfilesRefused if an operator's recipes cannot be used.
    """

    profiles_of(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if services is not None:
            app.state.services = services
            yield
            return
        async with open_services(settings) as opened:
            app.state.services = opened
            yield

    async def as_problem(request: Request, error: Exception) -> Response:
        return problem_response(request, error)

    app = FastAPIOffline(
        title="Touchstone",
        version=version.SERVICE,
        summary="Rewards and verification for reinforcement learning of language models.",
        lifespan=lifespan,
        exception_handlers={
            ServiceFault: as_problem,
            HTTPException: as_problem,
            RequestValidationError: as_problem,
        },
    )
    app.include_router(router)
    app.include_router(job_router)
    app.include_router(compat_router)

    serve_whole(app)

    def metrics() -> Any:
        opened: Services | None = getattr(app.state, "services", None)
        return opened.metrics if opened is not None else None

    app.middleware_stack = Edge(app.build_middleware_stack(), settings, metrics, DIRECT)
    return app
