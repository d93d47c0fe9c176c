"""What is known of the world's money."""

import pytest

from houseful.kernel.money import CURRENCIES, written

# Those of ISO 4217 that are somebody's money and do not have hundredths.
NO_MINOR_UNIT = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"


def test_every_currency_has_its_own_minor_unit() -> None:
    odd = {code: exponent for code, exponent in CURRENCIES.items() if exponent != 2}
    assert odd == dict.fromkeys(NO_MINOR_UNIT.split(), 0) | dict.fromkeys(THOUSANDTHS.split(), 3)
    assert len(CURRENCIES) > 150


@pytest.mark.parametrize(
    "code", ["XXX", "XTS", "XAU", "XAG", "XDR", "XUA", "XBA", "CLF", "UYW", "CHE", "USN"]
)
def test_what_is_nobodys_money_is_no_price(code: str) -> None:
    assert code not in CURRENCIES


def test_what_earlier_versions_sold_in_is_still_known() -> None:
    known = (
        "AUD BGN BRL CAD CHF CZK DKK EUR GBP HUF INR ISK JPY KRW KWD MXN NOK NZD PLN RON SEK SGD TRY USD ZAR"
    )
    assert set(known.split()) <= CURRENCIES.keys()


@pytest.mark.parametrize(
    ("amount_minor", "currency", "text"),
    [
        (1500, "KRW", "₩1,500"),
        (1500, "KWD", "KWD\u00a01.500"),
        (1500, "IQD", "IQD\u00a01.500"),
        (1500, "UYU", "UYU\u00a015.00"),
    ],
)
def test_amounts_are_written_with_their_minor_unit(amount_minor: int, currency: str, text: str) -> None:
    assert written(amount_minor, currency) == text
