"""The tour: steps in order, each of which does something real and checks what came back."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from bailiwick.embedded.home import Home
from bailiwick.tour.client import Client, Refused
from bailiwick.tour.log_steps import export, send_weekly, verify
from bailiwick.tour.narrator import Narrator
from bailiwick.tour.request_steps import erase, inference
from bailiwick.tour.visit import Tour, Unexpected
from bailiwick.tour.workspace_steps import RETENTION_DAYS, create_workspace, keys_and_roles, lock_region, set_retention

STEPS: list[tuple[str, Callable[[Tour], None]]] = [
    ("A workspace in the EU", create_workspace),
    ("Its region, locked", lock_region),
    (f"Retention: {RETENTION_DAYS} days", set_retention),
    ("Keys and roles", keys_and_roles),
    ("Inference, with personal data redacted", inference),
    ("Erasure, with a certificate", erase),
    ("The audit log, exported", export),
    ("Verified offline", verify),
    ("The log, sent to a SIEM every week", send_weekly),
]


def run(home: Home) -> int:
    """Takes the tour through the cell in `home`; 0 if every step held. Raises CellError if no cell runs there."""
    cell = home.cell()
    tour = Tour(home, cell, Narrator(), Client(cell["base_url"], cell["admin_key"]))
    shutil.rmtree(home.tour, ignore_errors=True)
    home.tour.mkdir(mode=0o700)
    for text, step in STEPS:
        tour.say.heading(text)
        try:
            step(tour)
        except (Refused, Unexpected) as error:
            tour.say.failure(str(error))
            tour.say.end(False, "The tour stops here.")
            return 1
    tour.say.end(True, f"Every step held. What you were given is in {home.tour}")
    return 0
