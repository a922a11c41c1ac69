from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any

import pytest

from audit.destinations.addresses import Reach
from audit.destinations.errors import Forbidden, Misconfigured, Unreachable
from audit.destinations.https import Endpoint


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",  # where clouds tell a machine its credentials
        "172.16.0.1",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "4000::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_that_is_not_public_may_not_be_sent_to(address: str) -> None:
    assert not Reach().allows(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "185.1.2.3", "2a01:4f8::1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_a_public_address_may_be_sent_to(address: str) -> None:
    assert Reach().allows(ip_address(address))


def test_the_operator_can_allow_a_network_and_that_one_alone() -> None:
    reach = Reach.of(["10.20.0.0/16", "fd00:20::/32"])

    assert reach.allows(ip_address("10.20.3.4")) and reach.allows(ip_address("fd00:20::7"))
    assert reach.allows(ip_address("::ffff:10.20.3.4"))
    assert not reach.allows(ip_address("10.21.3.4")) and not reach.allows(ip_address("fd00:21::7"))


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "::1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "::ffff:127.0.0.1"]
)
def test_no_way_to_write_this_machines_address_leads_to_it(host: str) -> None:
    with pytest.raises((Forbidden, Unreachable)) as refused:
        Reach().addresses(host, 443)

    assert "127" not in str(refused.value) and "localhost" not in str(refused.value)


def test_a_name_that_leads_nowhere_is_not_reached() -> None:
    with pytest.raises(Unreachable):
        Reach().addresses("nobody.invalid", 443)


def test_one_address_that_is_not_public_spoils_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def both(host: str, port: int, **_: Any) -> list[Any]:
        return [(2, 1, 6, "", ("8.8.8.8", port)), (2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", both)

    with pytest.raises(Forbidden):
        Reach().addresses("two-faced.example", 443)


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://siem.example", "siem.example", 443, "/"),
        ("https://siem.example/", "siem.example", 443, "/"),
        ("https://siem.example:8088/a/b?c=d", "siem.example", 8088, "/a/b?c=d"),
        ("https://[2a01:4f8::1]:8443/x", "2a01:4f8::1", 8443, "/x"),
        ("https://185.1.2.3/x", "185.1.2.3", 443, "/x"),
        ("https://s/https://s/", "s", 443, "/https://s/"),
    ],
)
def test_an_address_is_read_as_it_stands(url: str, host: str, port: int, path: str) -> None:
    assert Endpoint.parse(url) == Endpoint(host, port, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "siem.example",
        "http://siem.example",
        "ftp://siem.example",
        "https:siem.example",
        "https:///x",
        "https://",
        "https://user:secret@siem.example/",
        "https://siem.example@evil.example/",
        "https://siem.example\\@evil.example/",
        "https://siem.example/\r\nHost: evil.example",
        "https://siem.example/a b",
        "https://siem.example/#part",
        "https://siem.example?x=y",
        "https://siem.example:0/",
        "https://siem.example:65536/",
        "https://siem.example:443:443/",
        "https://siem.example:/",
        "https://ſiem.example/",
        "https://siem.example/ü",
        " https://siem.example/",
        "https://siem.example/\n",
        "https://-siem.example/",
        "https://[::1/",
        "HTTPS://siem.example/",
    ],
)
def test_what_is_no_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        Endpoint.parse(url)

    assert "siem" not in str(refused.value) and "secret" not in str(refused.value)
