"""Which values are computed together: a graph cut into groups, each of which a backend launches as one kernel."""
