"""The one way in: is it for this cell, is it inference, is it Django's?

`/v1` never enters Django, whose request handling starts two threads for each request; it is a plain ASGI application in the
same process. Everything else (console, `/api`, sign-on) is Django's.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from typing import cast

import django
from asgiref.sync import sync_to_async
from django.db import Error as DatabaseError
from django.db import close_old_connections

from bailiwick.lean import without

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bailiwick.settings")
with without("opentelemetry", "requests"):
    # For metrics of its own that are off, and for a test client: 7 MB. Who exports spans imports both when it starts to.
    import redis  # noqa: F401  # so that it is imported here
    import rest_framework.compat  # noqa: F401  # likewise
django.setup()

from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler  # noqa: E402  # Django has to be set up first
from django.core.asgi import get_asgi_application  # noqa: E402

from bailiwick.guard import Application, CellGuard, Receive, Scope, Send, answer  # noqa: E402
from bailiwick.pooling import share_connections  # noqa: E402
from cell.config import config  # noqa: E402
from cell.guard import RegionMismatch, check_region  # noqa: E402
from cell.telemetry import get_logger  # noqa: E402
from inference.gateway.app import application as gateway  # noqa: E402
from retention.backups import admission  # noqa: E402
from retention.backups.errors import NotReplayed  # noqa: E402
from retention.ledger import LedgerBroken  # noqa: E402

share_connections()

LOOK_EVERY_S = 2.0
"""How often a web process asks whether its database still knows every erasure of the ledger."""
CELLS_PATH = "/.well-known/bailiwick/cells.json"
_JSON = b"application/json"

logger = get_logger(__name__)


class Cell:
    """One web process. Nothing of a request is looked at before start-up has checked that the process is in its region."""

    def __init__(self) -> None:
        self._directory = b""
        self._guarded: Application = _starting
        handler = get_asgi_application()
        # In front of a production cell a web server or CDN serves /static; on one machine there is none.
        self._django = cast(Application, ASGIStaticFilesHandler(handler) if config().embedded else handler)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._guarded(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            directory = await sync_to_async(check_region)(config())
            pending = await sync_to_async(_look)()
        except (RegionMismatch, NotReplayed, LedgerBroken, OSError) as error:
            # It names regions and counts only, and the operator has to see all of it.
            sys.stderr.write(f"{error}\n")
            await send({"type": "lifespan.startup.failed", "message": "not this cell's, or not replayed"})
            return
        self._directory = config().cells_file.read_bytes()
        await gateway.startup()
        guarded = CellGuard(self._dispatch, config().cell, directory)
        self._guarded = _starting if pending else guarded
        looking = asyncio.create_task(self._look_on(guarded))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
        self._guarded = _starting
        await gateway.shutdown()
        await send({"type": "lifespan.shutdown.complete"})

    async def _look_on(self, guarded: Application) -> None:
        """Admits traffic while the database knows every erasure, and not a request longer."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S if self._guarded is guarded else 1.0)
            try:
                pending = await sync_to_async(_look)()
            except (NotReplayed, LedgerBroken, OSError) as error:
                logger.error("admission.refused", cause=str(error))
                self._guarded = _starting
            except DatabaseError:
                continue  # without it nothing is answered anyway; the next look says more
            else:
                self._guarded = _starting if pending and self._guarded is not guarded else guarded

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path.startswith("/v1/"):
            await gateway(scope, receive, send)
        elif path == "/healthz":
            await answer(send, 200, _JSON, b'{"status":"ok"}')
        elif path == "/readyz":
            if gateway.ready:
                await answer(send, 200, _JSON, b'{"status":"ready"}')
            else:
                await answer(send, 503, _JSON, b'{"status":"not ready"}', (b"retry-after", b"1"))
        elif path == CELLS_PATH:
            await answer(send, 200, _JSON, self._directory, (b"cache-control", b"public, max-age=300"))
        else:
            await self._django(scope, receive, send)


def _look() -> int:
    close_old_connections()
    return admission.look()


async def _starting(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, 503, _JSON, b'{"status":"starting"}', (b"retry-after", b"1"))


application = Cell()
