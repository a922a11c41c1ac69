"""cells.json of an embedded cell: itself, and the other regions at example addresses, signed by a key of its own."""

from __future__ import annotations

import time

from bailiwick.embedded.home import Home, write
from bailiwick.embedded.regions import REGIONS, EmbeddedRegion
from cell.notes import Signer
from cell.regions import Region, sign_directory

SIGNER = "cells.embedded.bailiwick"


def write_directory(home: Home, mine: EmbeddedRegion, base_url: str) -> str:
    """Writes the directory for a cell that is reached at `base_url`; the verifier key that signed it."""
    signer = Signer.from_seed(SIGNER, home.directory_seed())
    regions = [
        Region(
            id=region.id,
            code=region.code,
            legal_area=region.legal_area,
            base_url=base_url if region is mine else region.example_url,
            console_url=f"{base_url}/" if region is mine else region.example_console_url,
            dr_peer=region.dr_peer,
        )
        for region in REGIONS.values()
    ]
    write(home.cells_file, sign_directory(regions, signer, serial=int(time.time())).decode())
    return signer.vkey
