"""``python -m tests.compiler.tune.a_process STORE LOG [SIZE] [KIND]``: tunes a landscape, prints the winner and its story."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from compiler.tune.store import Store
from compiler.tune.tuner import Tuner
from tests.compiler.tune.tunables import QUICK, ClaimedTime, Deadly, Written, key_for

KINDS = {"written": Written, "deadly": Deadly}


def main(store: str, log: str, size: str = "512", kind: str = "written") -> None:
    tunable = KINDS[kind](Path(log))
    tuned = Tuner(Store(store), budget=QUICK, watch=ClaimedTime()).tune(tunable, key_for(tunable, n=int(size)))
    story = {"winner": tuned.winner, "fresh": tuned.fresh, "saved": tuned.saved, **tuned.row.provenance}
    json.dump(story, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
