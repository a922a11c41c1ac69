"""Putting a cell back from its backups: everything is checked before anything is written, and every erasure of the newest ledger is
carried out again before the database admits a process that serves.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from uuid import UUID

import psycopg

from audit.actions import Action
from cell.config import config
from cell.durable import sync_folder
from cell.keys import cell_keys
from cell.objects import ObjectNotFound
from cell.scratch import scratch
from retention.backups import catalogue, sealed
from retention.backups.admission import erasure_ledger
from retention.backups.checks import Sound, check
from retention.backups.dumps import Programs, is_empty
from retention.backups.errors import RestoreRefused, SealBroken
from retention.backups.making import owner_database
from retention.backups.manifest import DATABASE, HOME, KEYS, LEDGER, OBJECTS, Manifest
from retention.backups.places import Place, cell_objects
from retention.backups.replay import Replayed, replay, replayed
from retention.ledger import Ledger, LedgerBehind, LedgerBroken, Mark

_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Restored:
    manifest: Manifest
    keys_from: UUID | None
    """The backup whose copy of the key store was put back: the newest that is left. None if all have aged out."""
    replayed: Replayed
    ledger_older: bool
    """Whether the ledger lacks lines that are known to have been in it, as the operator accepted."""
    sound: Sound


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator wants put back."""

    point: UUID | None = None
    """The newest, unless one is named."""
    ledger: Path | None = None
    """A ledger that survived, besides the copies in the backups."""
    accept_older_ledger: bool = False


@dataclass(frozen=True, slots=True)
class Steps:
    """What is done by who calls: the floors above know how."""

    migrate: Callable[[], None]
    """Brings both databases to this release and claims the stores."""
    home: Callable[[Mapping[str, bytes]], None]
    """Puts files of the cell's folder back."""
    say: Callable[[str], None]


def restore(place: Place, programs: Programs, wish: Wish, steps: Steps) -> Restored:
    """Puts this process's cell back into its empty databases, object store and home.

    Raises RestoreRefused, SealBroken, ManifestBroken or LedgerBroken before anything is written; afterwards DumpFailed, CameBack,
    Unsound, MissingAuditor, or what a store raises that is away: the cell then starts nothing until a restore is done again.
    """
    owner = owner_database()
    _check_auditor()
    manifests = _manifests(place)
    manifest = _chosen(manifests, wish.point)
    keys_from = next((one for one in reversed(manifests) if place.has(one.point, KEYS)), None)
    _check_empty()
    steps.say(f"checking backup {manifest.point.hex} of {manifest.begun:%Y-%m-%d %H:%M:%S} UTC")
    for one, names in ((manifest, manifest.files.keys() - {KEYS}), (keys_from, {KEYS})):
        for name in sorted(names if one is not None else ()):
            _verify(place, one or manifest, name)
    with scratch("restore") as folder:
        ledger, older = _newest_ledger(place, manifests, wish, folder)
        steps.say("putting the databases and the objects back")
        _install(ledger)
        with closing(_reader(place, manifest, DATABASE)) as source:
            programs.restore(source, owner)  # type: ignore[arg-type]  # a raw binary file is a binary file
    # From here on nothing starts that could read, until the end of this function.
    with psycopg.connect(owner.conninfo) as connection:
        connection.execute("update retention_replay set restoring = %s", [manifest.point])
    if keys_from is not None:
        with closing(_reader(place, keys_from, KEYS)) as source:
            programs.restore(source, config().keystore_database)  # type: ignore[arg-type]  # likewise
    _put_objects(place, manifest)
    if HOME in manifest.files:
        steps.home(_files(place, manifest))
    steps.migrate()
    catalogue.adopt(manifests, place)
    steps.say("replaying the ledger of erasures")
    done = replay(erasure_ledger())
    sound = check(manifest, owner)
    replayed(
        done,
        Action.CELL_RESTORED,
        [manifest.point.hex],
        keys_from=None if keys_from is None else keys_from.point.hex,
        ledger_older=older,
        entries=sound.entries,
        payloads_opened=sound.payloads,
    )
    return Restored(manifest, None if keys_from is None else keys_from.point, done, older, sound)


def _manifests(place: Place) -> list[Manifest]:
    """Of every whole backup, oldest first. Raises RestoreRefused or ManifestBroken."""
    manifests = list(place.manifests(cell_keys(), config().region))
    if not manifests:
        raise RestoreRefused(f"There is no backup in {place.name}.")
    if stranger := next((one for one in manifests if one.cell != config().cell), None):
        raise RestoreRefused(f"The backups in {place.name} are of cell {stranger.cell}, and this is {config().cell}.")
    return manifests


def _chosen(manifests: Sequence[Manifest], point: UUID | None) -> Manifest:
    if point is None:
        newest = next((one for one in reversed(manifests) if one.restorable), None)
        if newest is None:
            raise RestoreRefused("There are copies of the ledger of erasures only, and no backup of a database.")
        return newest
    found = next((one for one in manifests if one.point == point and one.restorable), None)
    if found is None:
        raise RestoreRefused(f"There is no backup {point.hex}; `bailiwick backup list` shows those there are.")
    return found


def _check_auditor() -> None:
    if config().auditor_database is None or config().keystore_auditor_database is None:
        raise RestoreRefused(
            "What is erased again is looked for as the auditor: set BAILIWICK_AUDITOR_DATABASE_URL and "
            "BAILIWICK_KEYSTORE_AUDITOR_DATABASE_URL."
        )


def _check_empty() -> None:
    cell = config()
    found = {
        "the cell's database": not is_empty(owner_database()),
        "the key store's database": not is_empty(cell.keystore_database),
        "the object store": next(cell_objects(cell).keys(""), None) is not None,
    }
    full = [name for name, there in found.items() if there]
    if full:
        raise RestoreRefused(f"A cell is put back into an empty one, and there is something in {', '.join(full)}.")


def _reader(place: Place, manifest: Manifest, name: str) -> sealed.UnsealingReader:
    """Raises RestoreRefused or SealBroken."""
    try:
        source = place.open(manifest.point, name)
    except ObjectNotFound:
        raise RestoreRefused(f"The file {name} of backup {manifest.point.hex} is missing.") from None
    return sealed.UnsealingReader(source, cell_keys(), sealed.Place(manifest.cell, manifest.point.hex, name))


def _verify(place: Place, manifest: Manifest, name: str) -> None:
    """Every byte: its seal, and the hash that the manifest signs."""
    with closing(_reader(place, manifest, name)) as reader:
        found = reader.verify()
    if found != (manifest.files[name].bytes, manifest.files[name].sha256):
        raise SealBroken(f"the file {name} of backup {manifest.point.hex} is not the one that its manifest signs")


def _newest_ledger(place: Place, manifests: Sequence[Manifest], wish: Wish, folder: Path) -> tuple[Ledger, bool]:
    """The longest ledger there is, and whether a longer one is known to have been. Raises RestoreRefused or LedgerBroken."""
    known = max((one.ledger for one in manifests), key=lambda mark: mark.lines)
    candidates = [ledger for ledger in (erasure_ledger(), Ledger(wish.ledger) if wish.ledger else None) if ledger]
    if wish.ledger is not None and not wish.ledger.exists():
        raise RestoreRefused(f"There is no ledger {wish.ledger}.")
    for one in sorted(manifests, key=lambda one: one.ledger.lines, reverse=True):
        try:
            _verify(place, one, LEDGER)
        except (SealBroken, RestoreRefused):
            continue  # an older copy is then measured against what this one was known to hold
        copy = Ledger(folder / "ledger.jsonl")
        with closing(_reader(place, one, LEDGER)) as reader, copy.path.open("wb") as file:
            while content := reader.read(_CHUNK):
                file.write(content)
        candidates.append(copy)
        break
    ends = [(ledger.end(), ledger) for ledger in candidates]
    end, newest = max(ends, key=lambda pair: pair[0].lines)
    for mark in (*(one.ledger for one in manifests), *(mark for mark, _ in ends)):
        if mark.lines <= end.lines and not newest.has(mark):
            raise LedgerBroken("there are two ledgers of erasures, and neither goes on from the other")
    older = known.lines > end.lines
    if older and not wish.accept_older_ledger:
        raise RestoreRefused(
            f"The newest ledger of erasures at hand has {end.lines} lines, and one with {known.lines} is known: what was erased "
            "since would come back. Name it with --ledger, or accept it: --accept-older-ledger."
        )
    return newest, older


def _install(ledger: Ledger) -> None:
    """Has it in the cell's home, durably."""
    own = erasure_ledger().path
    if ledger.path == own:
        return
    own.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = own.with_suffix(".restored")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for line, _ in ledger.after(Mark()):
            file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(own)
    sync_folder(own.parent)


def _put_objects(place: Place, manifest: Manifest) -> None:
    store = cell_objects(config())
    for name, content in _entries(place, manifest, OBJECTS):
        with tempfile.TemporaryFile(dir=config().home) as spool:  # a store takes what it can read twice
            shutil.copyfileobj(content, spool, _CHUNK)
            spool.seek(0)
            store.put(name, spool)


def _files(place: Place, manifest: Manifest) -> dict[str, bytes]:
    return {name: content.read() for name, content in _entries(place, manifest, HOME)}


def _entries(place: Place, manifest: Manifest, name: str) -> Iterator[tuple[str, IO[bytes]]]:
    """What a sealed archive holds, in its order, each to be read before the next is asked for."""
    with closing(_reader(place, manifest, name)) as reader, tarfile.open(fileobj=reader, mode="r|") as archive:
        for entry in archive:
            content = archive.extractfile(entry)
            if content is not None:
                yield entry.name, content


def ledger_replay(*, accept_older_ledger: bool = False) -> Replayed:
    """For a database that other tools put back: replays the cell's own ledger, and admits. Raises RestoreRefused, CameBack,
    LedgerBroken, MissingAuditor.
    """
    _check_auditor()
    with psycopg.connect(owner_database().conninfo) as connection:
        row = connection.execute("select lines, head, position, restoring from retention_replay").fetchone()
    if row is None or row[3] is not None:
        raise RestoreRefused("A restore of this cell was not finished: begin again, with an empty database.")
    older = not erasure_ledger().has(Mark(*row[:3]))
    if older and not accept_older_ledger:
        raise LedgerBehind("the ledger of erasures is older than this database: put the newest copy back")
    done = replay(erasure_ledger())
    replayed(done, Action.LEDGER_REPLAYED, [])
    return done
