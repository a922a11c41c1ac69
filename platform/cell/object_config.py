"""Where a production cell keeps its objects and backups: the part of the configuration that `cell.objects` reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cell.aws_areas import legal_area

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[a-z0-9][a-z0-9_.-]*(/[a-z0-9][a-z0-9_.-]*)*")
_LONGEST_PREFIX = 200
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
    variables: str = "BAILIWICK_OBJECTS"
    """What the variables begin with that say all this."""

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
            yield f"{self.variables}_REGION is not a region of AWS whose law is known here"
        if self.is_aws and self.declared_area not in (None, legal_area(self.region)):
            yield f"{self.variables}_LEGAL_AREA is not that of {self.variables}_REGION"
        if self.is_aws and self.endpoint is not None and f".{self.region}." not in self.endpoint:
            yield f"{self.variables}_ENDPOINT is not in {self.variables}_REGION"
        if not self.is_aws and self.declared_area is None:
            yield f"{self.variables}_LEGAL_AREA is not set: of a server that is not AWS's only you can say where it is"
        if self.endpoint is not None and not self.endpoint.startswith("https://") and not embedded:
            yield f"{self.variables}_ENDPOINT must begin with https:// (only the embedded cell speaks plain HTTP)"


def parse_place(raw: str) -> Path | str:
    """An absolute folder, or the bucket's name in ``s3://name``. Raises ValueError."""
    if raw.startswith("/"):
        return Path(raw)
    if not raw.startswith(SCHEME) or _BUCKET.fullmatch(raw.removeprefix(SCHEME)) is None:
        raise ValueError("must be an absolute path, or like s3://bucket")
    return raw.removeprefix(SCHEME)


@dataclass(frozen=True, slots=True)
class S3Server:
    """Where buckets are that are named when they are used, as those of backups are. See `S3Bucket` for each."""

    region: str
    declared_area: str | None
    endpoint: str | None
    ca_file: Path | None
    credentials_file: Path | None
    variables: str

    def bucket(self, name: str) -> S3Bucket:
        return S3Bucket(
            name,
            self.region,
            self.declared_area,
            self.endpoint,
            self.ca_file,
            self.credentials_file,
            self.variables,
        )

    def problems(self, *, embedded: bool) -> Iterator[str]:
        return self.bucket("").problems(embedded=embedded)


def parse_address(raw: str) -> tuple[str, str]:
    """Bucket and prefix of ``s3://bucket/prefix``; the prefix is empty, or ends in a slash. Raises ValueError."""
    bucket, _, prefix = raw.removeprefix(SCHEME).partition("/")
    prefix = prefix.removesuffix("/")
    well = _BUCKET.fullmatch(bucket) is not None and len(prefix) <= _LONGEST_PREFIX
    if not (raw.startswith(SCHEME) and well and (not prefix or _PREFIX.fullmatch(prefix) is not None)):
        raise ValueError("must be like s3://bucket or s3://bucket/prefix, the prefix in lower case")
    return bucket, f"{prefix}/" if prefix else ""
