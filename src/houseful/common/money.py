"""Money is an integer of minor units and an ISO 4217 code; nothing here or anywhere else is a float."""

# How many minor units make one, as a power of ten (ISO 4217). A currency that is not listed is not sold in.
CURRENCIES = {
    "AUD": 2, "BGN": 2, "BRL": 2, "CAD": 2, "CHF": 2, "CZK": 2, "DKK": 2, "EUR": 2,
    "GBP": 2, "HUF": 2, "INR": 2, "ISK": 0, "JPY": 0, "KRW": 0, "KWD": 3, "MXN": 2,
    "NOK": 2, "NZD": 2, "PLN": 2, "RON": 2, "SEK": 2, "SGD": 2, "TRY": 2, "USD": 2,
    "ZAR": 2,
}  # fmt: skip


def decimal(amount_minor: int, currency: str) -> str:
    """For spreadsheets: `1234.50`, with as many decimals as the currency has."""
    places = CURRENCIES[currency]
    if places == 0:
        return str(amount_minor)
    sign = "-" if amount_minor < 0 else ""
    whole, part = divmod(abs(amount_minor), 10**places)
    return f"{sign}{whole}.{part:0{places}d}"


def written(amount_minor: int, currency: str) -> str:
    """For documents and mail: `1,234.50 EUR`."""
    places = CURRENCIES[currency]
    if places == 0:
        return f"{amount_minor:,} {currency}"
    sign = "-" if amount_minor < 0 else ""
    whole, part = divmod(abs(amount_minor), 10**places)
    return f"{sign}{whole:,}.{part:0{places}d} {currency}"
