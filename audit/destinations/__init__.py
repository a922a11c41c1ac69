"""Where entries are sent: a webhook, Splunk, syslog, a bucket. Each takes a batch and returns once it is acknowledged.

A destination keeps nothing and decides nothing: which batch is next, and when to try again, is its caller's.
"""

from audit.destinations.addresses import Reach
from audit.destinations.bucket import BucketDestination
from audit.destinations.errors import DestinationError, GiveUp, TryAgain
from audit.destinations.interface import Batch, Destination, Evidence, Item, Receipt
from audit.destinations.places import check_place
from audit.destinations.sealing import seal, unseal
from audit.destinations.settings import AnySettings, secrets_of, settings_of

__all__ = [
    "AnySettings",
    "Batch",
    "BucketDestination",
    "Destination",
    "DestinationError",
    "Evidence",
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
