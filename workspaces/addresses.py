"""Where a caller is, and whether a key may be used from there. No Django: the inference path asks too."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def parse_networks(cidrs: Sequence[str]) -> tuple[Network, ...]:
    """`203.0.113.0/24`, `2001:db8::/32` or a single address. Raises ValueError that says which one is wrong."""
    networks = []
    for position, cidr in enumerate(cidrs, start=1):
        try:
            networks.append(ip_network(cidr))
        except ValueError:
            raise ValueError(
                f"network {position} is not a CIDR block like 203.0.113.0/24 (host bits must be zero)"
            ) from None
    return tuple(networks)


def client_address(peer: str, forwarded_for: str, trusted: Sequence[str]) -> Address | None:
    """The address a request came from: the peer, or the last hop in X-Forwarded-For that is no proxy of ours.

    `trusted` are addresses or CIDR blocks of proxies whose header is believed. None if the address cannot be known, as with
    a peer on a Unix socket that is not followed by a header of a trusted proxy.
    """
    address = _parse(peer)
    proxies = [ip_network(proxy) for proxy in trusted]
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    while address is not None and hops and _within(address, proxies):
        address = _parse(hops.pop())
    return address


def allowed(address: Address | None, networks: Sequence[Network]) -> bool:
    """Whether a key bound to `networks` may be used from `address`. No networks: from anywhere; no address: from nowhere."""
    return not networks or (address is not None and _within(address, networks))


def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # ::ffff:203.0.113.7 is an IPv4 caller on a dual-stack socket.
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
