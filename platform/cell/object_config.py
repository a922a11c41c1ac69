"""Where a production cell keeps its objects: the part of the configuration that `cell.objects` reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cell.aws_areas import legal_area

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
SCHEME = "s3://"


@dataclass(frozen=True, slots=True)
class S3Bucket:
    """A bucket of one cell alone, at AWS or at any other server that speaks S3."""

    name: str
    region: str
    """Where the bucket is, as its server calls it: `eu-central-1`, or a Ceph zonegroup. A process that starts asks for it."""
    declared_area: str | None
    """The law that holds there, as the operator says it; for AWS it is known from the region."""
    endpoint: str | None
    """https://host, where it is not AWS."""
    ca_file: Path | None
    """Whom to trust for the endpoint's certificate in place of the public authorities."""
    credentials_file: Path | None
    """In the form of the AWS SDK's own; without it, credentials are found as the SDK finds them."""

    @property
    def is_aws(self) -> bool:
        host = urlsplit(self.endpoint or "").hostname or ""
        return self.endpoint is None or host.endswith((".amazonaws.com", ".amazonaws.eu"))

    @property
    def legal_area(self) -> str | None:
        return legal_area(self.region) if self.is_aws else self.declared_area

    def problems(self, *, embedded: bool) -> Iterator[str]:
        """What does not fit together, each with the variable's name."""
        if self.is_aws and legal_area(self.region) is None:
            yield "BAILIWICK_OBJECTS_REGION is not a region of AWS whose law is known here"
        if self.is_aws and self.declared_area not in (None, legal_area(self.region)):
            yield "BAILIWICK_OBJECTS_LEGAL_AREA is not that of BAILIWICK_OBJECTS_REGION"
        if self.is_aws and self.endpoint is not None and f".{self.region}." not in self.endpoint:
            yield "BAILIWICK_OBJECTS_ENDPOINT is not in BAILIWICK_OBJECTS_REGION"
        if not self.is_aws and self.declared_area is None:
            yield "BAILIWICK_OBJECTS_LEGAL_AREA is not set: of a server that is not AWS's only you can say where it is"
        if self.endpoint is not None and not self.endpoint.startswith("https://") and not embedded:
            yield "BAILIWICK_OBJECTS_ENDPOINT must begin with https:// (only the embedded cell speaks plain HTTP)"


def parse_place(raw: str) -> Path | str:
    """An absolute folder, or the bucket's name in ``s3://name``. Raises ValueError."""
    if raw.startswith("/"):
        return Path(raw)
    if not raw.startswith(SCHEME) or _BUCKET.fullmatch(raw.removeprefix(SCHEME)) is None:
        raise ValueError("must be an absolute path, or like s3://bucket")
    return raw.removeprefix(SCHEME)
