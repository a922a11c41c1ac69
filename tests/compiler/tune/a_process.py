"""``python -m tests.compiler.tune.a_process STORE LOG [SIZE]``: tunes one landscape, and prints the winner and its row's story."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from compiler.tune.store import Store
from compiler.tune.tuner import Tuner
from tests.compiler.tune.tunables import QUICK, ClaimedTime, Written, key_for


def main(store: str, log: str, size: str = "512") -> None:
    tunable = Written(Path(log))
    tuned = Tuner(Store(store), budget=QUICK, watch=ClaimedTime()).tune(tunable, key_for(tunable, n=int(size)))
    story = {"winner": tuned.winner, "fresh": tuned.fresh, "saved": tuned.saved, **tuned.row.provenance}
    json.dump(story, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
