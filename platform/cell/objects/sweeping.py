"""Removing what writers left behind: uploads that were never finished, and delete markers under which nothing is left."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cell.objects.errors import ObjectNotFound
from cell.objects.interface import ObjectStore


@dataclass(frozen=True, slots=True)
class Swept:
    uploads: int
    markers: int
    finished: bool
    """False if the time was over first; the next sweep goes on."""


def sweep(store: ObjectStore, *, older_than: timedelta, within_s: float) -> Swept:
    """Removes unfinished uploads and lone markers that are `older_than`, as far as it gets `within_s` seconds.

    What is younger may still be at work. It can run beside writers and beside itself.
    """
    end = time.monotonic() + within_s
    before = datetime.now(UTC) - older_than
    uploads = markers = 0
    # A list: a page must not move on while what it names is removed.
    for upload in list(store.uploads()):
        if upload.started < before:
            store.abort(upload)
            uploads += 1
        if time.monotonic() > end:
            return Swept(uploads, markers, False)
    for versions in store.histories():
        if all(version.is_marker for version in versions) and versions[-1].modified < before:
            for version in versions:
                try:
                    store.delete_version(version.key, version.id)
                except ObjectNotFound:  # another sweep was quicker
                    continue
                markers += 1
        if time.monotonic() > end:
            return Swept(uploads, markers, False)
    return Swept(uploads, markers, True)
