"""What is in force: versions and settings."""

from collections.abc import Callable

from fastapi import APIRouter, Response

from schemas.http_state import Configuration, Versions
from serving.examples import CONFIGURATION, VERSIONS, answered
from serving.json_body import json_response


def about_routes(versions: Callable[[], Versions], configuration: Callable[[], Configuration]) -> APIRouter:
    """`/v1/versions` and `/v1/config`; they answer before the server is ready, too."""
    routes = APIRouter(tags=["index"])

    @routes.get("/v1/versions", response_model=Versions, responses=answered(VERSIONS))
    async def versions_in_force() -> Response:
        """Versions of the software and of the model."""
        return json_response(versions())

    @routes.get("/v1/config", response_model=Configuration, responses=answered(CONFIGURATION))
    async def configuration_in_effect() -> Response:
        """Settings of this server as they are in effect, passwords hidden, and the model's configuration."""
        return json_response(configuration())

    return routes
