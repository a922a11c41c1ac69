"""Whether what was compiled computes what was meant: against the truth, by as much as torch itself is off."""
