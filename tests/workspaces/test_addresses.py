from __future__ import annotations

from ipaddress import ip_address

import pytest

from workspaces.addresses import allowed, client_address, parse_networks


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "trusted", "expected"),
    [
        ("203.0.113.7", "", (), "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", (), "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1", ("10.0.0.0/8",), "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1", ("10.0.0.0/8",), "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", ("10.0.0.1", "10.0.0.2"), "198.51.100.1"),
        ("10.0.0.1", "", ("10.0.0.1",), "10.0.0.1"),
        ("::ffff:203.0.113.7", "", (), "203.0.113.7"),
    ],
)
def test_the_caller_is_the_last_hop_that_is_no_proxy_of_ours(
    peer: str, forwarded_for: str, trusted: tuple[str, ...], expected: str
) -> None:
    assert client_address(peer, forwarded_for, trusted) == ip_address(expected)


@pytest.mark.parametrize(
    ("peer", "forwarded_for"), [("", ""), ("unix:", "203.0.113.7"), ("10.0.0.1", "not an address")]
)
def test_an_address_that_cannot_be_known_is_none(peer: str, forwarded_for: str) -> None:
    assert client_address(peer, forwarded_for, ("10.0.0.1",)) is None


def test_a_key_is_bound_to_its_networks() -> None:
    networks = parse_networks(["203.0.113.0/24", "2001:db8::/32"])

    assert allowed(ip_address("203.0.113.9"), networks)
    assert allowed(ip_address("2001:db8::1"), networks)
    assert not allowed(ip_address("203.0.114.9"), networks)
    assert not allowed(None, networks)


def test_a_key_without_networks_works_from_anywhere() -> None:
    assert allowed(None, ())
    assert allowed(ip_address("203.0.113.9"), ())


@pytest.mark.parametrize("wrong", ["203.0.113.1/24", "300.0.0.0/8", "example.org", ""])
def test_a_wrong_network_is_named_by_its_place(wrong: str) -> None:
    with pytest.raises(ValueError, match="network 2"):
        parse_networks(["10.0.0.0/8", wrong])
