"""Accounts and sessions: who somebody is, what that person may do, and the tokens that say so to the other
services."""

from houseful.users.api import ENDPOINTS
from houseful.users.domain import Admins, Session, User
from houseful.users.revocations import TokensEnded
from houseful.users.service import Users
from houseful.webapi.manifest import Manifest

MANIFEST = Manifest(
    name="users",
    documents=(User, Admins, Session, TokensEnded),
    build=Users.build,
    endpoints=ENDPOINTS,
    handlers={},
    jobs=(Users.purge_expired,),
)
