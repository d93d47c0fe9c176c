"""E-mail addresses: one form of each, wherever it enters and wherever it is written to.

The domain is read by UTS 46 and IDNA 2008, as browsers do it: `xn--mnchen-3ya.de` and `MÜNCHEN.de` are one
domain, `straße.de` and `strasse.de` are two. Of the part before the @-sign only case is ignored, and how its
letters are composed; what a server there makes of dots or plus signs is its own affair.
"""

import unicodedata

import email_validator
import msgspec

from houseful.kernel.errors import DomainError, invalid

MOST = 320
"""Characters of an address that is typed; one that is right has fewer."""

# Rehearsals and houses without a domain of their own use addresses such as someone@box-office.local; the
# library refuses these names unless they are taken out of its list, which is its way of configuring it.
email_validator.SPECIAL_USE_DOMAIN_NAMES[:] = ["arpa", "invalid", "onion"]


class NoAddress(ValueError):
    """The text is no e-mail address that can be written to; why, in plain words."""


class Address(msgspec.Struct, frozen=True):
    """`email` is shown and kept, `wire` is told to mail servers (the domain in its ASCII form), `key` is
    compared.
    """

    email: str
    wire: str
    key: str


def parsed(text: str) -> Address:
    """Raises `NoAddress`."""
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
    """The key of an address, or of what may be the beginning of one."""
    try:
        return parsed(text).key
    except NoAddress:
        local, at, domain = text.strip().partition("@")
        return _key(local, domain.lower()) if at else _local(local)


def first_key(key: str) -> str:
    """What was compared before the domain had a form of its own: it took ß for ss, in domains too."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", key.strip()).casefold())


def _key(local: str, domain: str) -> str:
    return f"{_local(local)}@{domain}"


def _local(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
