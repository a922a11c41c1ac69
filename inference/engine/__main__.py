"""`python -m inference.engine`: one engine process."""

from __future__ import annotations

import os
import sys

from inference.engine.scrub import environment

if __name__ == "__main__":
    # OpenMP reads this once, when torch is imported. Its threads spin by default while they wait for each other, and on a
    # machine that runs anything else they then wait for threads that are not on a core: ten times slower, measured.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    needed = environment(wipe_freed="--wipe-freed" in sys.argv)
    if any(os.environ.get(name) != value for name, value in needed.items()):
        # The C library reads these once, before Python begins.
        os.environ.update(needed)
        os.execv(sys.executable, [sys.executable, "-m", "inference.engine", *sys.argv[1:]])
    from inference.engine.process import main

    sys.exit(main())
