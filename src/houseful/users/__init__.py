"""Accounts and sessions: who somebody is, what that person may do, and the tokens that say so to the other
services."""

from houseful import administration
from houseful.messages import TurnNear
from houseful.users import (
    account_api,
    admin_api,
    api,
    own_data_api,
    passkeys_api,
    second_factor_api,
    sessions_api,
)
from houseful.users.account_email import AccountEmail
from houseful.users.domain import Admins, ErasedAccount, FormerAddress, Session, User
from houseful.users.passkey import AccountPasskeys, UsedChallenge
from houseful.users.revocations import TokensEnded
from houseful.users.second_factor import SecondFactor
from houseful.users.service import Users
from houseful.webapi.audit import AUDIT_DOCUMENTS
from houseful.webapi.idempotency import StoredResponse
from houseful.webapi.manifest import Manifest

MANIFEST: Manifest[Users] = Manifest(
    name="users",
    documents=(
        User,
        Admins,
        Session,
        TokensEnded,
        AccountEmail,
        FormerAddress,
        SecondFactor,
        AccountPasskeys,
        UsedChallenge,
        ErasedAccount,
        StoredResponse,
        *AUDIT_DOCUMENTS,
    ),
    build=Users.build,
    endpoints=(
        *api.ENDPOINTS,
        *account_api.ENDPOINTS,
        *sessions_api.ENDPOINTS,
        *second_factor_api.ENDPOINTS,
        *passkeys_api.ENDPOINTS,
        *own_data_api.ENDPOINTS,
        *admin_api.ENDPOINTS,
        *administration.endpoints("users"),
    ),
    handlers={TurnNear: lambda users, tx, message: users.email_outbox.turn_near(tx, message)},
    jobs=(Users.send_emails, Users.erase_accounts, Users.purge_expired),
)
