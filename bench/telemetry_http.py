# SPDX-License-Identifier: Apache-2.0
"""A log behind HTTP, for the bench: ``python -m bench.telemetry_http LOG PORT``; what the console does with a reader.

Arrays go as little-endian float64, times first; the servers beside it answer in JSON, as they do.
"""

import sys
from pathlib import Path

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from telemetry.history import LogReader


def application(path: Path) -> Starlette:
    """Make the application over one log."""
    reader = LogReader(path)

    async def last(_: Request) -> Response:
        return JSONResponse({name: [seen.wall_ms, seen.sample.value] for name, seen in reader.latest().items()})

    async def hours(request: Request) -> Response:
        query = request.query_params
        rollup = reader.rollup(query["series"], int(query["from"]), int(query["to"]), 3_600_000)
        return Response(np.concatenate((rollup.wall_ms.astype(np.float64), rollup.mean)).tobytes())

    async def raw(request: Request) -> Response:
        query = request.query_params
        parts = [reader.range(name, int(query["from"]), int(query["to"])) for name in query["series"].split(",")]
        return Response(b"".join(part.wall_ms.astype(np.float64).tobytes() + part.value.tobytes() for part in parts))

    return Starlette(routes=[Route("/last", last), Route("/hours", hours), Route("/raw", raw)])


if __name__ == "__main__":
    config = uvicorn.Config(application(Path(sys.argv[1])), port=int(sys.argv[2]), log_level="error", access_log=False)
    server = uvicorn.Server(config)
    print("ready soon", flush=True)
    server.run()
