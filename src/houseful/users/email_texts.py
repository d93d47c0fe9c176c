"""The words of emails about accounts, as text and as HTML. Nothing in them is fetched from anywhere.

No email has a name in it: anybody can type anybody's address, and any name.
"""

from functools import cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from houseful.users.account_email import Kind

if TYPE_CHECKING:  # it takes a while to import, and a start does not need it
    from jinja2 import Template


class Words(NamedTuple):
    """`path` is the page of the web app that the link opens; a token follows behind a `#`, which no server
    sees. Without an `action` there is no link. `opening` and `path` may name the event, as `{title}` and
    `{event_id}`."""

    subject: str
    opening: str
    action: str = ""
    path: str = ""
    closing: str = ""


class Written(NamedTuple):
    subject: str
    text: str
    html: str


_NOT_YOU = "If this was not you, do nothing."

WORDS = {
    Kind.VERIFY: Words(
        "Confirm your email address",
        "An account with this email address was made at our box office. Confirm that the address is yours.",
        "Confirm this address",
        "/account/verify",
        f"The link holds for two days, the code for an hour. {_NOT_YOU}",
    ),
    Kind.ALREADY_REGISTERED: Words(
        "You have an account already",
        "Somebody, probably you, wanted to make an account with this email address. There is one already: "
        "sign in with its password.",
        "Sign in",
        "/sign-in",
        f"Nothing was changed. {_NOT_YOU}",
    ),
    Kind.RESET_PASSWORD: Words(
        "Set a new password",
        "Somebody, probably you, asked for a new password for the account with this email address.",
        "Set a new password",
        "/account/new-password",
        f"The link holds for an hour and can be used once. {_NOT_YOU}",
    ),
    Kind.PASSWORD_CHANGED: Words(
        "Your password was changed",
        "The password of your account was changed, and other devices were signed out. If this was you, there "
        "is nothing to do.",
        "It was not me: set a new password",
        "/account/reset-password",
    ),
    Kind.CONFIRM_ADDRESS: Words(
        "Confirm your new email address",
        "Somebody, probably you, wants to use this email address for an account. It counts once you confirm.",
        "Use this address",
        "/account/confirm-address",
        f"The link holds for a day and can be used once. {_NOT_YOU}",
    ),
    Kind.ADDRESS_TAKEN: Words(
        "This address has an account already",
        "Somebody, probably you, wanted to use this email address for another account. It has one already, "
        "and an address can have one only.",
        closing=f"Nothing was changed. {_NOT_YOU}",
    ),
    Kind.ADDRESS_CHANGED: Words(
        "Your email address was changed",
        "The email address of your account is another one now, and emails about it do not come here any "
        "more. If this was you, there is nothing to do.",
        "It was not me: change it back",
        "/account/restore-address",
        "The link holds for seven days. It signs every device out, and you set a new password.",
    ),
    Kind.SECOND_FACTOR_ON: Words(
        "Signing in takes a code now",
        "A second factor was added to your account: signing in takes a code of an authenticator app. If this "
        "was you, there is nothing to do.",
        "It was not me: set a new password",
        "/account/reset-password",
    ),
    Kind.SECOND_FACTOR_OFF: Words(
        "Signing in takes no code any more",
        "The second factor of your account was removed: signing in takes the password alone. If this was "
        "you, there is nothing to do.",
        "It was not me: set a new password",
        "/account/reset-password",
    ),
    Kind.PASSKEY_ADDED: Words(
        "A passkey was added to your account",
        "A passkey was added to your account: whoever has it signs in without the password. If this was you, "
        "there is nothing to do.",
        "It was not me: set a new password",
        "/account/reset-password",
        "A new password that is set by this link removes all passkeys.",
    ),
    Kind.PASSKEY_REMOVED: Words(
        "A passkey was removed from your account",
        "A passkey of your account was removed, and signs in no more. The password does, as before. If this "
        "was you, there is nothing to do.",
        "It was not me: set a new password",
        "/account/reset-password",
    ),
    Kind.ACCOUNT_ERASED: Words(
        "Your account was erased",
        "Your account was erased, as was asked for with its password. Orders of the past stay in the books, "
        "without your name and your address. This is the last email about the account.",
        closing="If this was not you, somebody knew your password: write to the box office, and change it "
        "wherever else you use it.",
    ),
    Kind.TURN_NEAR: Words(
        "It is nearly your turn",
        "You stand in the line for “{title}”, and your number is called within a few minutes.",
        "Open the line",
        "/events/{event_id}/line",
        "Sign in with the account that you joined with. If you come late you still come in, but seats may be "
        "gone by then. You get this email because you asked for it in the line.",
    ),
}


def compose(
    kind: Kind, base_url: str, *, token: str = "", code: str = "", title: str = "", event_id: str = ""
) -> Written:
    words = WORDS[kind]
    if event_id:
        words = words._replace(
            opening=words.opening.format(title=title), path=words.path.format(event_id=quote(event_id))
        )
    link = f"{base_url}{words.path}" + (f"#{token}" if token else "") if words.action else ""
    parts = ["Hello,", words.opening]
    if link:
        parts.append(f"{words.action}:\n{link}")
    if code:
        parts.append(f"Or type this code where you are asked for it: {code}")
    parts.append(words.closing)
    text = "\n\n".join(part for part in parts if part) + "\n"
    html = _template().render(words=words, link=link, code=code)
    return Written(words.subject, text, html)


@cache
def _template() -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("houseful.users"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("account_email.html")
