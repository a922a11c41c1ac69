"""Durable jobs. The PostgreSQL row is the truth of a job: its lease, attempts and result; a Celery message is a wake-up.

``enqueue`` writes the row in the caller's transaction. A worker claims its lease, extends it while it works, and re-checks it
in the transaction that commits the effect, so that a worker back from the dead changes nothing. The sweeper wakes what is due
from the rows alone: an emptied Redis loses nothing.
"""

from cell.jobs.lease import Lease, LeaseLost
from cell.jobs.queue import JobStatus, due, enqueue, status
from cell.jobs.registry import Again, handler
from cell.jobs.runner import run

__all__ = ["Again", "JobStatus", "Lease", "LeaseLost", "due", "enqueue", "handler", "run", "status"]
