"""The start guard: a process serves only where its configuration, database, stores and the directory all name one region.

`claim_region` is run once by `bailiwick migrate`, as the owner; `check_region` by every process before it serves.
"""

from __future__ import annotations

from django.db import connections

from cell.aws_areas import legal_area
from cell.config import CellConfig
from cell.databases import OWNER
from cell.keys import cell_keys
from cell.keystore import custody
from cell.models import CellIdentity
from cell.objects import ObjectStoreError, open_store
from cell.regions import Directory, DirectoryError


class RegionMismatch(Exception):
    """The parts of this cell do not all belong to its region; the message lists every disagreement."""

    def __init__(self, region: str, disagreements: list[str]) -> None:
        lines = "\n".join(f"  - {line}" for line in disagreements)
        super().__init__(f"This process is configured for region {region} and will not start:\n{lines}")
        self.disagreements = disagreements


def check_region(config: CellConfig) -> Directory:
    """The checked directory of regions, if everything here belongs to `config.region`. Raises RegionMismatch."""
    wrong: list[str] = []
    identity = CellIdentity.objects.first()
    found = {"the database": identity.region if identity else None}
    try:
        found["the object store"] = open_store(config.objects).region()
    except ObjectStoreError as error:
        wrong.append(str(error))
    found["the key store"] = custody.region()
    for part, region in found.items():
        if region is None:
            wrong.append(f"{part} belongs to no region yet: run `bailiwick migrate`")
        elif region != config.region:
            wrong.append(f"{part} belongs to region {region}")
    if custody.seed_id() not in (None, _seed_id()):
        wrong.append(
            "the key store was made with another seed: BAILIWICK_SEED_FILE or BAILIWICK_ROOT_KEY is not this cell's"
        )
    if identity is not None and identity.cell != config.cell:
        wrong.append(f"the database has the cell code {identity.cell}, BAILIWICK_CELL is {config.cell}")
    directory = None
    try:
        directory = Directory.load(config.cells_file, config.cells_vkey)
    except DirectoryError as error:
        wrong.append(str(error))
    else:
        wrong += _compared(config, directory)
        if "the object store" in found:
            wrong += _objects_elsewhere(config, directory)
    if wrong or directory is None:
        raise RegionMismatch(config.region, wrong)
    return directory


def _compared(config: CellConfig, directory: Directory) -> list[str]:
    entry = directory.region(config.region)
    if entry is None:
        return [f"the directory of regions has no region {config.region}"]
    wrong = []
    if entry.code != config.cell:
        wrong.append(f"the directory says cell code {entry.code}, BAILIWICK_CELL is {config.cell}")
    if entry.base_url != config.base_url:
        wrong.append(f"the directory says {entry.base_url}, BAILIWICK_BASE_URL is {config.base_url}")
    for ref in (config.keys.root, *config.keys.previous):
        if ref.aws_region is not None and legal_area(ref.aws_region) != entry.legal_area:
            wrong.append(f"a root key is in AWS's {ref.aws_region}, which is not in the legal area {entry.legal_area}")
    if config.otlp_endpoint is not None and _area(config.otlp_region or "", directory) != entry.legal_area:
        wrong.append(
            f"BAILIWICK_OTLP_REGION: spans would go to {config.otlp_region}, which is not known to be in the legal area"
            f" {entry.legal_area}"
        )
    return wrong


def _objects_elsewhere(config: CellConfig, directory: Directory) -> list[str]:
    entry = directory.region(config.region)
    try:
        return open_store(config.objects).disagreements(None if entry is None else entry.legal_area)
    except ObjectStoreError as error:
        return [str(error)]


def _area(region: str, directory: Directory) -> str | None:
    """The legal area of a region of the directory or of AWS; None if neither knows it."""
    entry = directory.region(region)
    return legal_area(region) if entry is None else entry.legal_area


def claim_region(config: CellConfig) -> None:
    """Marks database, object store and key store as `config.region`'s, those that no region has claimed yet.

    Needs the owner's database. Raises RegionMismatch if one of them belongs to another region: it is never given away.
    """
    with connections[OWNER].cursor() as cursor:
        cursor.execute(
            "insert into cell_identity (singleton, region, cell, claimed_at) values (true, %s, %s, clock_timestamp())"
            " on conflict do nothing",
            [config.region, config.cell],
        )
        cursor.execute("select region from cell_identity")
        (database,) = cursor.fetchone()
    try:
        store = open_store(config.objects)
        store.claim(config.region)
        objects = store.region()
    except ObjectStoreError as error:
        raise RegionMismatch(config.region, [str(error)]) from error
    custody.claim(config.region, _seed_id())
    found = {"the database": database, "the object store": objects, "the key store": custody.region()}
    wrong = [f"{part} belongs to region {region}" for part, region in found.items() if region != config.region]
    if wrong:
        raise RegionMismatch(config.region, wrong)


def _seed_id() -> str:
    """Says which seed this process derives from, and nothing of it."""
    return cell_keys().derive("seed-id")[:8].hex()
