"""A tuner that knows nothing of what it tunes: typed knobs in, a winner with its evidence out. Usable alone."""
