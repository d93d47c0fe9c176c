"""Money: an integer of minor units and an ISO 4217 code, never a float."""

from iso4217 import Currency

# Units of account, never used for prices, though ISO 4217 gives them minor units.
_FUNDS = frozenset({"BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW"})
# Money of the past in which earlier versions sold; what was sold stays readable.
_WITHDRAWN = {"BGN": 2}

# How many minor units make one, as a power of ten. Metals, test codes and the like have none: no prices.
CURRENCIES: dict[str, int] = dict(
    sorted(
        {
            **_WITHDRAWN,
            **{
                currency.code: currency.exponent
                for currency in Currency
                if currency.exponent is not None and currency.code not in _FUNDS
            },
        }.items()
    )
)

UNKNOWN = "is no currency of ISO 4217 in which something has a price, such as EUR"


def decimal(amount_minor: int, currency: str) -> str:
    """An amount for spreadsheets, such as `1234.50`, with the decimals of the currency."""
    places = CURRENCIES[currency]
    if places == 0:
        return str(amount_minor)
    sign = "-" if amount_minor < 0 else ""
    whole, part = divmod(abs(amount_minor), 10**places)
    return f"{sign}{whole}.{part:0{places}d}"


def written(amount_minor: int, currency: str) -> str:
    """An amount for documents and mail, such as `£1,234.50`."""
    from babel.numbers import get_currency_symbol  # it takes a while to import

    symbol = get_currency_symbol(currency, "en")
    if symbol[-1].isalpha():
        symbol += "\u00a0"
    places = CURRENCIES[currency]
    sign = "-" if amount_minor < 0 else ""
    whole, part = divmod(abs(amount_minor), 10**places)
    return f"{sign}{symbol}{whole:,}" + (f".{part:0{places}d}" if places else "")
