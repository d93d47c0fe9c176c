"""The two ceremonies of WebAuthn, by the library `webauthn`: a passkey is made, and signs a challenge.

The library is imported when it is first needed: that takes a while, and a start does not need it.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from houseful.kernel.errors import invalid
from houseful.kernel.telemetry import get_logger
from houseful.users.passkey import CHALLENGE_MILLIS, Passkey, RelyingParty

log = get_logger(__name__)

_RP_NAME = "Houseful"


class NewCredential(NamedTuple):
    """Ids and keys are base64url."""

    credential: str
    public_key: str
    sign_count: int
    synced: bool


def creation_options(
    party: RelyingParty,
    challenge: bytes,
    *,
    user_id: str,
    email: str,
    name: str,
    existing: Iterable[Passkey],
) -> dict[str, Any]:
    """What `navigator.credentials.create` is told: a credential that its authenticator finds by itself, and
    for which it verifies its user. Attestation is not asked for: any make of authenticator is welcome."""
    import webauthn
    from webauthn.helpers import options_to_json_dict, structs

    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name=_RP_NAME,
        user_id=user_id.encode(),
        user_name=email,
        user_display_name=name,
        challenge=challenge,
        timeout=CHALLENGE_MILLIS,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            structs.PublicKeyCredentialDescriptor(id=webauthn.base64url_to_bytes(one.credential))
            for one in existing
        ],
    )
    return options_to_json_dict(options)


def request_options(party: RelyingParty, challenge: bytes) -> dict[str, Any]:
    """What `navigator.credentials.get` is told. It names no credentials, so that nobody learns of whose there
    are."""
    import webauthn
    from webauthn.helpers import options_to_json_dict, structs

    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=CHALLENGE_MILLIS,
        user_verification=structs.UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


def answered_challenge(credential: dict[str, Any]) -> bytes:
    """The challenge that an answer says it is for. Raises `Invalid`."""
    from webauthn.helpers import base64url_to_bytes, parse_client_data_json

    try:
        return parse_client_data_json(base64url_to_bytes(credential["response"]["clientDataJSON"])).challenge
    except Exception as error:  # it parses with what Python has: each part raises errors of its own
        raise _unreadable() from error


def verify_new(party: RelyingParty, challenge: bytes, credential: dict[str, Any]) -> NewCredential:
    """Raises `Invalid` for what is no answer to this challenge."""
    import webauthn
    from webauthn.helpers import bytes_to_base64url

    try:
        made = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except Exception as error:  # attestations are parsed by several libraries, with errors of their own
        log.info("passkey not taken", extra={"error": str(error)})
        raise _unreadable() from error
    return NewCredential(
        bytes_to_base64url(made.credential_id),
        bytes_to_base64url(made.credential_public_key),
        made.sign_count,
        made.credential_backed_up,
    )


def verify_use(
    party: RelyingParty, challenge: bytes, passkey: Passkey, credential: dict[str, Any]
) -> int | None:
    """The number of the signature; None where it is no signature of this passkey for this challenge, or not
    newer than the one before."""
    import webauthn
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        used = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=webauthn.base64url_to_bytes(passkey.public_key),
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except WebAuthnException as error:
        log.warning("passkey refused", extra={"passkey": passkey.id, "error": str(error)})
        return None
    return used.new_sign_count


def _unreadable() -> Exception:
    return invalid({"credential": "is no answer of a passkey to these options; begin again."})
