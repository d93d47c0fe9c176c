"""Answers of browsers to the ceremonies of WebAuthn, in its own JSON: the members that are read here.
Browsers send others beside them, and will send more."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from houseful.webapi.requests import Input
from houseful.webapi.validation import WRONG

Base64Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=16_384,
        pattern="^[A-Za-z0-9_-]+={0,2}$",
        extra={WRONG: "has to be base64url"},
    ),
]


class AttestationInput(
    Input,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=False,
    rename={"client_data_json": "clientDataJSON", "attestation_object": "attestationObject"},
):
    client_data_json: Base64Url
    attestation_object: Base64Url


class NewCredentialInput(
    Input, frozen=True, kw_only=True, forbid_unknown_fields=False, rename={"raw_id": "rawId"}
):
    """What `toJSON()` of a browser's new credential gives (WebAuthn's RegistrationResponseJSON)."""

    id: Base64Url
    raw_id: Base64Url
    type: Literal["public-key"]
    response: AttestationInput


class AssertionInput(
    Input,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=False,
    omit_defaults=True,
    rename={
        "client_data_json": "clientDataJSON",
        "authenticator_data": "authenticatorData",
        "user_handle": "userHandle",
    },
):
    client_data_json: Base64Url
    authenticator_data: Base64Url
    signature: Base64Url
    user_handle: Base64Url | None = None


class CredentialInput(
    Input, frozen=True, kw_only=True, forbid_unknown_fields=False, rename={"raw_id": "rawId"}
):
    """What `toJSON()` of a browser's credential gives (WebAuthn's AuthenticationResponseJSON)."""

    id: Base64Url
    raw_id: Base64Url
    type: Literal["public-key"]
    response: AssertionInput


def webauthn_json(credential: NewCredentialInput | CredentialInput) -> dict[str, Any]:
    """As WebAuthn calls its members."""
    members: dict[str, Any] = msgspec.to_builtins(credential)
    return members
