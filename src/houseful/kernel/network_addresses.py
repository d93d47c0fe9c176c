"""Network addresses: parsing of proxy headers, grouping into networks, and the own address."""

import ipaddress
import socket
from contextlib import suppress

UNKNOWN = "unknown"
"""The network of all unreadable addresses. One limit covers them together."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")

_BEHIND_THE_DEFAULT_ROUTE = {socket.AF_INET: ("192.0.2.1", 9), socket.AF_INET6: ("2001:db8::1", 9)}
"""Addresses reserved for documentation (RFC 5737, 3849)."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def network(address: str) -> str:
    """The network of an address: an IPv4 address, or an IPv6 network of 64 bits.

    One machine can use every address of such a network. An IPv4 address embedded in an IPv6 address counts as
    itself.
    """
    found = _read(address)
    if found is None:
        return UNKNOWN
    if found.version == 4:
        return str(found)
    inner = _inner(found)
    if inner is not None:
        return str(inner)
    if found in _LOCAL_NAT64:  # made by a translator, one for each IPv4 address
        return str(found)
    return str(ipaddress.IPv6Network((int(found), 64), strict=False))


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The embedded IPv4 address: mapped (RFC 4291), translated (RFC 6052), 6to4 (RFC 3056), or the client of
    Teredo (RFC 4380).
    """
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo is not None else None)


def is_this_machine(address: str) -> bool:
    """Whether the address is a loopback address. Other machines cannot send from one."""
    found = _read(address)
    return found is not None and ((found.ipv4_mapped if found.version == 6 else None) or found).is_loopback


def forwarded(header: bytes, proxies: int) -> str:
    """The address that the outermost of `proxies` trusted proxies saw.

    Returns `UNKNOWN` where that is no address.

    `header` is X-Forwarded-For or Forwarded (RFC 7239). Each proxy appends one entry: bare, with a port, in
    brackets, in quotes, or as `for=…`.
    """
    hops = header.decode("latin-1").split(",")
    text = hops[-min(proxies, len(hops))]
    for pair in text.split(";"):
        name, equals, value = pair.partition("=")
        if equals and name.strip().lower() == "for":
            text = value
            break
    text = text.strip().strip('"').strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    found = _read(text)
    if found is None:
        bare, _, port = text.rpartition(":")
        found = _read(bare) if port.isdecimal() else None
    if found is None:
        return UNKNOWN
    return str((found.ipv4_mapped if found.version == 6 else None) or found)


def own_address() -> str:
    """This machine's address in its network: the source address of packets to the default route.

    No packet is sent. Returns loopback without a network.
    """
    for family, elsewhere in _BEHIND_THE_DEFAULT_ROUTE.items():
        with socket.socket(family, socket.SOCK_DGRAM) as probe, suppress(OSError):
            probe.connect(elsewhere)
            address: str = probe.getsockname()[0]
            return address
    return "127.0.0.1"


def _read(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
