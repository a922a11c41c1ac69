"""Where a name leads, and whether the cell may go there.

Somebody who may name a destination must not be able to reach what only the cell's own machines reach: a name is resolved once,
every address behind it has to be public, and it is one of those addresses that is connected to, whatever the name says later.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from audit.destinations.errors import Forbidden, Unreachable

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_MOST_TRIED = 3
_GLOBAL_V6 = IPv6Network("2000::/3")
_NOT_GLOBAL_V6 = tuple(
    map(
        IPv6Network,
        # Special purposes (IANA's registry), among them Teredo; documentation; 6to4, which leads to an IPv4 address inside.
        ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)
_NOT_GLOBAL_V4 = tuple(map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24")))


@dataclass(frozen=True, slots=True)
class Reach:
    """Which addresses the cell sends to: public ones, and those in the networks that the operator added."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, networks: Iterable[str]) -> Reach:
        """Raises ValueError."""
        return cls(tuple(ip_network(network) for network in networks))

    def allows(self, address: Address) -> bool:
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if any(address.version == network.version and address in network for network in self.networks):
            return True
        return _is_public(address)

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of `host`, in the order to try them. Raises Unreachable, or Forbidden if one may not be sent to."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise Unreachable("the name of the destination leads nowhere") from None
        # `scope%zone` is of link-local addresses, which are not allowed, but must be understood to be refused.
        addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
        if not addresses or not all(self.allows(ip_address(address)) for address in addresses):
            raise Forbidden(
                "the destination's address is not a public one; the operator may allow its network with"
                " BAILIWICK_DESTINATION_NETWORKS"
            )
        return addresses[:_MOST_TRIED]


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        return address in _GLOBAL_V6 and not any(address in network for network in _NOT_GLOBAL_V6)
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _NOT_GLOBAL_V4)
    )
