"""How a destination is described: read strictly, its secrets apart from everything else."""

from __future__ import annotations

import re
from typing import Any, ClassVar
from uuid import UUID, uuid5

import msgspec

from audit.destinations import tls
from audit.destinations.addresses import Reach
from audit.destinations.bucket import WITHIN_S, Bucket
from audit.destinations.errors import Misconfigured
from audit.destinations.hec import Collector, HecDestination
from audit.destinations.https import Endpoint, HttpsClient
from audit.destinations.interface import Destination
from audit.destinations.sigv4 import SigV4
from audit.destinations.syslog import PORT, SyslogDestination
from audit.destinations.webhook import Webhook
from cell.aws_areas import legal_area

_CHANNELS = UUID("5f3c6f0e-6c1f-4f0a-9b60-0d7c3b1f2a55")
"""Name space of the channels of collectors; any fixed number does."""
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")
_INDEX = re.compile(r"[a-z0-9][a-z0-9_-]{0,127}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9_.-]{0,63}/){0,8}")
_REGION_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_KEY = re.compile(r"[!-~]{1,256}")
_AWS = (".amazonaws.com", ".amazonaws.eu")
_PATH_TO = re.compile(r"at `\$\.?([a-z_]*)")
_LONGEST_PEM = 64 * 1024

AnyDestination = Destination | Bucket
"""What takes lines, or files."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What may be shown. Where the destination is, its owner says; that is on the record."""

    legal_area: str
    """The law of the place where entries are received and kept: `eu`, `uk`, `us`."""
    region: str | None = None
    """That place, if it is one of the directory's regions."""
    ca: str | None = None
    """PEM of the one authority whose certificates the receiver may have; None trusts what the machine trusts."""

    @property
    def known_area(self) -> str | None:
        """The law that is known to hold there, whatever its owner says; None where only they can say."""
        return None

    def open(self, number: UUID, secrets: Any, reach: Reach) -> AnyDestination:
        """The destination with this number, ready to be sent to. Raises Misconfigured."""
        raise NotImplementedError


class WebhookSecrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    signing: list[str]
    """Newest first: `whsec_…` or `whsk_…`."""


class WebhookSettings(Settings, frozen=True, kw_only=True, tag="webhook"):
    secrets: ClassVar[type] = WebhookSecrets
    url: str

    def open(self, number: UUID, secrets: WebhookSecrets, reach: Reach) -> Webhook:
        endpoint = Endpoint.parse(self.url)
        return Webhook(HttpsClient(endpoint, reach, tls.context(self.ca)), endpoint.path, secrets.signing)


class HecSecrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: str


class HecSettings(Settings, frozen=True, kw_only=True, tag="splunk-hec"):
    secrets: ClassVar[type] = HecSecrets
    url: str
    """Up to and without `services/collector`."""
    index: str | None = None

    def open(self, number: UUID, secrets: HecSecrets, reach: Reach) -> HecDestination:
        endpoint = Endpoint.parse(self.url)
        if "?" in endpoint.path or (self.index is not None and _INDEX.fullmatch(self.index) is None):
            raise Misconfigured("a collector has an address without a query, and an index named in lower case")
        client = HttpsClient(endpoint, reach, tls.context(self.ca))
        collector = Collector(uuid5(_CHANNELS, number.hex), self.index)
        return HecDestination(client, f"{endpoint.path.rstrip('/')}/", secrets.token, collector)


class SyslogSecrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    """PEM of the key of our certificate."""


class SyslogSettings(Settings, frozen=True, kw_only=True, tag="syslog"):
    secrets: ClassVar[type] = SyslogSecrets
    host: str
    port: int = PORT
    certificate: str
    """PEM of the certificate by which the receiver knows us."""

    def open(self, number: UUID, secrets: SyslogSecrets, reach: Reach) -> SyslogDestination:
        if _HOST.fullmatch(self.host) is None or not 0 < self.port < 65536:
            raise Misconfigured("a syslog receiver has a host and a port")
        trusted = tls.context(self.ca, tls.Identity(self.certificate, secrets.key))
        return SyslogDestination(self.host, self.port, reach, trusted)


class S3Secrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    access_key: str
    secret_key: str


class S3Settings(Settings, frozen=True, kw_only=True, tag="s3"):
    secrets: ClassVar[type] = S3Secrets
    url: str
    """Of the server: ``https://host``, with a port if it is not 443."""
    bucket: str
    prefix: str = ""
    """What the objects' keys begin with; ends with a slash."""
    region_name: str
    """As the server calls it: `eu-central-1`, or a Ceph zonegroup."""

    @property
    def known_area(self) -> str | None:
        # A region of AWS whose law is not known here is nobody's, and so refused.
        return (legal_area(self.region_name) or "unknown") if self._is_aws else None

    @property
    def _is_aws(self) -> bool:
        return Endpoint.parse(self.url).host.endswith(_AWS)

    def open(self, number: UUID, secrets: S3Secrets, reach: Reach) -> Bucket:
        endpoint = Endpoint.parse(self.url)
        if endpoint.path != "/" or _BUCKET.fullmatch(self.bucket) is None or _PREFIX.fullmatch(self.prefix) is None:
            raise Misconfigured(
                "a bucket has an address without a path, a name in lower case, and a prefix of words that each end with a slash"
            )
        if _REGION_NAME.fullmatch(self.region_name) is None or (
            self._is_aws and f".{self.region_name}." not in endpoint.host
        ):
            raise Misconfigured("a bucket has the name of its region, which at AWS is in the address, too")
        if not all(_KEY.fullmatch(key) for key in (secrets.access_key, secrets.secret_key)):
            raise Misconfigured("an access key and a secret key are one word each")
        client = HttpsClient(endpoint, reach, tls.context(self.ca), WITHIN_S)
        signer = SigV4(self.region_name, secrets.access_key, secrets.secret_key)
        return Bucket(client, endpoint, self.bucket, self.prefix, signer)


AnySettings = WebhookSettings | HecSettings | SyslogSettings | S3Settings


def settings_of(document: object) -> AnySettings:
    """What somebody asks for, as settings. Raises Misconfigured, which names the member and repeats no value."""
    found: AnySettings = _convert(document, AnySettings)
    if any(len(text or "") > _LONGEST_PEM for text in (found.ca, getattr(found, "certificate", None))):
        raise Misconfigured("a certificate is longer than any is")
    return found


def secrets_of(settings: AnySettings, document: object) -> Any:
    """The secrets that belong to `settings`. Raises Misconfigured."""
    return _convert(document, settings.secrets)


def _convert(document: object, kind: Any) -> Any:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        place = _PATH_TO.search(str(error))
        where = f": look at `{place[1]}`" if place and place[1] else ""
        raise Misconfigured(f"the destination is not described as one of its kind is{where}") from None
