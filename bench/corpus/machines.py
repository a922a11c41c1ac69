"""What machines write that leads to a person: network addresses, hardware addresses, coordinates, URLs with credentials."""

from __future__ import annotations

from ipaddress import IPv6Address

from .draw import Draw, Value


def ip(draw: Draw) -> Value:
    kind = draw.random.randrange(5)
    if kind < 3:
        first = draw.random.choice([n for n in range(1, 224) if n != 127])
        return Value(
            ".".join(
                str(octet) for octet in (first, *draw.random.choices(range(256), k=2), draw.random.randrange(1, 255))
            )
        )
    address = IPv6Address(
        bytes.fromhex(draw.random.choice(("20010db8", "2a020908", "fd12a4c3", "2a01e0a0"))) + draw.random.randbytes(12)
    )
    if kind == 3:
        return Value(str(address))
    return Value(str(IPv6Address(address.packed[:6] + bytes(8) + address.packed[14:])))


def mac(draw: Draw) -> Value:
    octets = [f"{octet:02x}" for octet in draw.random.randbytes(6)]
    if draw.chance(0.3):
        octets = [octet.upper() for octet in octets]
    form = draw.random.randrange(6)
    if form == 0:
        digits = "".join(octets)
        return Value(".".join((digits[:4], digits[4:8], digits[8:])))
    return Value(("-" if form == 1 else ":").join(octets))


def location(draw: Draw) -> Value:
    """Coordinates in Europe, to some ten metres."""
    latitude, longitude = draw.random.uniform(36, 66), draw.random.uniform(-9, 29)
    form = draw.random.randrange(4)
    if form == 0:
        return Value(f"{latitude:.5f}, {longitude:.5f}")
    if form == 1:
        return Value(f"{latitude:.6f},{longitude:.6f}")
    east = "E" if longitude >= 0 else "W"
    if form == 2:
        return Value(f"{latitude:.5f}° N, {abs(longitude):.5f}° {east}")
    return Value(f"{_sexagesimal(latitude)}N {_sexagesimal(abs(longitude))}{east}")


def _sexagesimal(degrees: float) -> str:
    minutes = degrees % 1 * 60
    return f"{int(degrees)}°{int(minutes):02}'{minutes % 1 * 60:04.1f}\""


def user_and_password(draw: Draw) -> Value:
    """``user:password`` as it stands before the @ of a URL."""
    user = draw.random.choice(("admin", "app", "root", "deploy", "svc_report", "backup", "api"))
    return Value(f"{user}:{password(draw)}")


def password(draw: Draw) -> str:
    return draw.letters(draw.random.randrange(9, 20), "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789!_-")
