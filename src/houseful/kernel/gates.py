"""What an event asks of an account before it sells to it: an event's gates.

They are checked by the access token alone. Whoever passes a gate after the token was made has to refresh it.
"""

from houseful.kernel.errors import Forbidden
from houseful.kernel.roles import Identity
from houseful.kernel.times import rfc3339
from houseful.messages import Gates


def check_gates(gates: Gates, who: Identity) -> None:
    """Raises `Forbidden` for an account that does not pass, with what it can do."""
    if gates.verified_email and not who.email_verified:
        raise Forbidden(
            "email_not_verified",
            "This event is for accounts with a confirmed email address. Confirm yours with the code or the "
            "link of the email that you got (POST /api/me/verification sends another), then refresh the "
            "access token.",
        )
    before = gates.accounts_before
    if before is not None and (who.account_since is None or who.account_since >= before):
        raise Forbidden(
            "account_too_new",
            f"This event is for accounts that were made before {rfc3339(before)}. Buy with an older account, "
            "or ask the organizer when it opens for all.",
            accounts_before=rfc3339(before),
        )
