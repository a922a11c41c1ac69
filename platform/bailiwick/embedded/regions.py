"""The regions that an embedded cell knows. Only its own is real; the others have example addresses, so that a request for
one of them is answered as in production: 421 and the right address.
"""

from __future__ import annotations

from dataclasses import dataclass

from bailiwick.embedded.errors import CellError

DEFAULT = "eu-de-1"


@dataclass(frozen=True, slots=True)
class EmbeddedRegion:
    id: str
    legal_area: str
    dr_peer: str | None
    """The region, in the same legal area, that may take over."""

    @property
    def code(self) -> str:
        return self.id.replace("-", "")

    @property
    def example_url(self) -> str:
        return f"https://api.{self.id}.bailiwick.example"

    @property
    def example_console_url(self) -> str:
        return f"https://console.{self.id}.bailiwick.example"


REGIONS = {
    region.id: region
    for region in (
        EmbeddedRegion("eu-de-1", "eu", "eu-fr-1"),
        EmbeddedRegion("eu-fr-1", "eu", "eu-de-1"),
        EmbeddedRegion("uk-lon-1", "uk", None),
        EmbeddedRegion("us-va-1", "us", None),
    )
}


def region(name: str) -> EmbeddedRegion:
    try:
        return REGIONS[name]
    except KeyError:
        raise CellError(f"There is no region {name!r}. An embedded cell can be in {', '.join(REGIONS)}.") from None
