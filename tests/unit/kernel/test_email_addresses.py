"""E-mail addresses: what is one, and which are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houseful.kernel import email_addresses
from houseful.kernel.email_addresses import NoAddress, parsed
from houseful.kernel.errors import DomainError
from houseful.webapi.problems import status_of


@pytest.mark.parametrize(
    ("text", "email", "wire", "key"),
    [
        (" Ann.Lee@Example.COM ", "Ann.Lee@example.com", "Ann.Lee@example.com", "ann.lee@example.com"),
        ("ü@BÜCHER.de", "ü@bücher.de", "ü@xn--bcher-kva.de", "ü@bücher.de"),
        ("u\u0308@xn--bcher-kva.de", "ü@bücher.de", "ü@xn--bcher-kva.de", "ü@bücher.de"),
        ("a@münchen。de", "a@münchen.de", "a@xn--mnchen-3ya.de", "a@münchen.de"),
        ("a@localhost", "a@localhost", "a@localhost", "a@localhost"),
        ("a@box-office.local", "a@box-office.local", "a@box-office.local", "a@box-office.local"),
        ("buyer@houseful.test", "buyer@houseful.test", "buyer@houseful.test", "buyer@houseful.test"),
        ("x+y@example.org", "x+y@example.org", "x+y@example.org", "x+y@example.org"),
    ],
)
def test_addresses(text: str, email: str, wire: str, key: str) -> None:
    assert parsed(text) == email_addresses.Address(email, wire, key)
    assert email_addresses.searched(text) == key


@pytest.mark.parametrize("domain", ["straße.de", "STRAßE.de", "xn--strae-oqa.de", "XN--STRAE-OQA.DE"])
def test_a_domain_with_a_letter_of_its_own_is_another_domain(domain: str) -> None:
    """IDNA 2003 took ß for ss; browsers and registries do not."""
    assert parsed(f"anna@{domain}").key == "anna@straße.de"
    assert parsed(f"anna@{domain}").wire == "anna@xn--strae-oqa.de"
    assert parsed("anna@strasse.de").key == "anna@strasse.de"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "@-sign"),
        ("ann", "@-sign"),
        ("ann@", "after the @-sign"),
        ("@example.com", "before the @-sign"),
        ("ann@example", "no dot"),
        ("a@b", "no dot"),
        ("bob.@example.com", "period immediately before the @-sign"),
        (".bob@example.com", "period"),
        ("bo..b@example.com", "two periods in a row"),
        ("bob@example..com", "two periods in a row"),
        ("x@example.com.", "end with a period"),
        ("x@[127.0.0.1]", "IP address"),
        ("x@[IPv6:::1]", "IP address"),
        ("x@127.0.0.1", "number"),
        ("a b@example.com", "SPACE"),
        ("ann@example.com\r\nBcc: x@y.de", "."),
        ("a@x.de,b@x.de", "invalid characters"),
        ("ann@" + "x" * 300 + ".de", "too long"),
        ("x" * 65 + "@example.com", "too long"),
        ("Ann <ann@example.com>", "display name"),
        ('"a b"@example.com', "Quoting"),
        ("ann@x.invalid", "."),
        ("ann@xn--a.de", "IDNA"),
        ("\x00@example.com", "."),
    ],
)
def test_no_addresses(text: str, why: str) -> None:
    with pytest.raises(DomainError) as refusal:
        email_addresses.address(text, "buyer.email")
    assert status_of(refusal.value) == 422
    assert why in refusal.value.errors["buyer.email"]


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    key = email_addresses.searched(text)
    try:
        found = parsed(text)
    except NoAddress:
        return
    assert parsed(found.email) == found
    assert parsed(found.wire) == found
    assert email_addresses.searched(found.key) == found.key == key


def test_the_beginning_of_an_address_is_searched_for_as_it_is_kept() -> None:
    assert email_addresses.searched("JÖRG@Mün") == "jörg@mün"
    assert email_addresses.searched(" Ann") == "ann"
    assert email_addresses.searched("") == ""
