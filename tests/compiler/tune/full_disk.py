"""``python -m tests.compiler.tune.full_disk FOLDER``: tunes on a file system that fills up, then on one that has room again."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from compiler.tune.store import Store
from compiler.tune.tuner import Tuned, Tuner
from tests.compiler.tune.tunables import QUICK, ClaimedTime, Landscape, key_for


def main(folder: Path) -> None:
    store, filler = Store(folder / "tuned"), folder / "filler"
    fill(filler, leave=12_288)
    tunable = Landscape()
    full = tune(store, tunable)
    kept = sorted(path.suffix for path in store.path(key_for(tunable)).parent.iterdir())
    filler.unlink()
    after = Landscape()
    roomy = tune(store, after)
    report = {
        "saved": [full.saved, roomy.saved],
        "kept": kept,
        "better": tunable.truth(full.winner) < tunable.truth(tunable.space.default),
        "resumed": roomy.row.provenance["resumed"],
        "runs": [tunable.calls["run"], after.calls["run"]],
        "read": store.read(key_for(tunable)) == roomy.row,
    }
    json.dump(report, sys.stdout)


def tune(store: Store, tunable: Landscape) -> Tuned:
    return Tuner(store, budget=QUICK, watch=ClaimedTime()).tune(tunable, key_for(tunable))


def fill(filler: Path, *, leave: int) -> None:
    room = os.statvfs(filler.parent)
    filler.write_bytes(bytes(room.f_bavail * room.f_frsize - leave))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
