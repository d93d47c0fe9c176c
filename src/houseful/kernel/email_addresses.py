"""E-mail addresses: one canonical form of each.

The domain is read by UTS 46 and IDNA 2008, as browsers do: `xn--mnchen-3ya.de` and `MÜNCHEN.de` are one
domain, `straße.de` and `strasse.de` are two. In the local part, case and Unicode composition are ignored;
dots and plus signs are significant.
"""

import unicodedata

import email_validator
import msgspec

from houseful.kernel.errors import DomainError, invalid

MOST = 320
"""The most characters of a typed address. A valid address has fewer."""

# Rehearsals and houses without a domain of their own use addresses such as someone@box-office.local; the
# library refuses these names unless they are taken out of its list, which is its way of configuring it.
email_validator.SPECIAL_USE_DOMAIN_NAMES[:] = ["arpa", "invalid", "onion"]


class NoAddress(ValueError):
    """The text is no e-mail address. The message says why, in plain words."""


class Address(msgspec.Struct, frozen=True):
    """An address in three forms: `email` for display and storage, `wire` for mail servers (ASCII domain),
    `key` for comparison.
    """

    email: str
    wire: str
    key: str


def parsed(text: str) -> Address:
    """Parse an address. Raises `NoAddress`."""
    try:
        found = email_validator.validate_email(
            text.strip(), check_deliverability=False, globally_deliverable=False, strict=True
        )
    except email_validator.EmailNotValidError as error:
        raise NoAddress(str(error)) from error
    domain = found.ascii_domain
    if "." not in domain and domain != "localhost":
        raise NoAddress("The part after the @-sign has no dot in it; write it whole, such as example.org.")
    if domain.rpartition(".")[2].isdigit():
        raise NoAddress("The part after the @-sign is a number; write the name of the domain.")
    return Address(found.normalized, f"{found.local_part}@{domain}", _key(found.local_part, found.domain))


def address(text: str, field: str = "email") -> Address:
    """Raises `Invalid` by the field."""
    try:
        return parsed(text)
    except NoAddress as error:
        raise refused(error, field) from error


def refused(error: NoAddress, field: str) -> DomainError:
    return invalid({field: f"is not an e-mail address: {error}"})


def searched(text: str) -> str:
    """The key of an address, or of the beginning of one."""
    try:
        return parsed(text).key
    except NoAddress:
        local, at, domain = text.strip().partition("@")
        return _key(local, domain.lower()) if at else _local(local)


def first_key(key: str) -> str:
    """The key of earlier versions, which took ß for ss in domains too."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", key.strip()).casefold())


def _key(local: str, domain: str) -> str:
    return f"{_local(local)}@{domain}"


def _local(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
