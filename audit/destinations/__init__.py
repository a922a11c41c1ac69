"""Where entries are sent: a webhook, Splunk, syslog, a bucket. Each takes a batch of lines, or a bucket a file of the export, and
returns once it is acknowledged.

A destination keeps nothing and decides nothing: what is next, and when to try again, is its caller's.
"""

from audit.destinations.addresses import Reach
from audit.destinations.bucket import Bucket
from audit.destinations.errors import DestinationError, GiveUp, TryAgain
from audit.destinations.interface import Batch, Destination, Evidence, ExportFile, Item, Receipt
from audit.destinations.places import check_place
from audit.destinations.sealing import seal, unseal
from audit.destinations.settings import AnyDestination, AnySettings, secrets_of, settings_of

__all__ = [
    "AnyDestination",
    "AnySettings",
    "Batch",
    "Bucket",
    "Destination",
    "DestinationError",
    "Evidence",
    "ExportFile",
    "GiveUp",
    "Item",
    "Reach",
    "Receipt",
    "TryAgain",
    "check_place",
    "seal",
    "secrets_of",
    "settings_of",
    "unseal",
]
