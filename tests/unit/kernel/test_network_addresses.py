import pytest

from houseful.kernel.network_addresses import UNKNOWN, forwarded, network


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9%eth0", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:cb00:7107", "203.0.113.7"),
        ("64:ff9b::203.0.113.7", "203.0.113.7"),
        ("64:ff9b:1::203.0.113.7", "64:ff9b:1::cb00:7107"),
        ("2002:cb00:7107:1234::1", "203.0.113.7"),
        ("2001:0:4136:e378:8000:63bf:34ff:8ef8", "203.0.113.7"),
        ("::1", "::/64"),
        ("", UNKNOWN),
        ("local", UNKNOWN),
        ("203.0.113.7:4711", UNKNOWN),
        ("203.0.113.07", UNKNOWN),
        ("/run/houseful.sock", UNKNOWN),
    ],
)
def test_whose_requests_are_counted_together(address: str, counted_as: str) -> None:
    assert network(address) == counted_as


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("203.0.113.10", "203.0.113.10"),
        ("203.0.113.10:4711", "203.0.113.10"),
        (" 203.0.113.10 ", "203.0.113.10"),
        ("2001:DB8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ('"[2001:db8::1]:4711"', "2001:db8::1"),
        ("2001:db8:0:0:0:0:0:1:4711", "2001:db8::1"),
        ("::ffff:203.0.113.10", "203.0.113.10"),
        ("::ffff:203.0.113.10:4711", "203.0.113.10"),
        ("fe80::1%eth0", "fe80::1"),
        ("for=203.0.113.10", "203.0.113.10"),
        ('For="[2001:db8::1]:4711";proto=https;by=203.0.113.43', "2001:db8::1"),
        ("proto=http;for=203.0.113.10:80;host=a", "203.0.113.10"),
        ("unknown", UNKNOWN),
        ("for=_hidden", UNKNOWN),
        ("", UNKNOWN),
        ("198.51.100.7, ", UNKNOWN),
        ("localhost", UNKNOWN),
        ("203.0.113.10:x", UNKNOWN),
        ("203.0.113.10:²", UNKNOWN),
    ],
)
def test_addresses_as_proxies_write_them(header: str, address: str) -> None:
    assert forwarded(header.encode("latin-1"), 1) == address


def test_as_many_proxies_are_believed_as_there_are() -> None:
    header = b'for="x, 198.51.100.7:1, 203.0.113.9:2, [2001:db8::1]:3'
    assert forwarded(header, 1) == "2001:db8::1"
    assert forwarded(header, 2) == "203.0.113.9"
    assert forwarded(header, 3) == "198.51.100.7"
    assert forwarded(header, 8) == UNKNOWN
