"""Accounts made by the operator."""

from houseful.kernel.roles import Role
from houseful.settings import Settings
from houseful.tools.offline import open_service_offline
from houseful.users import MANIFEST
from houseful.users.domain import User


async def create(settings: Settings, *, email: str, password: str, name: str, role: str) -> User:
    """Make an account with this role and password, or change an existing one.

    Safe while the server runs. Raises `DomainError`.
    """
    async with open_service_offline(settings, MANIFEST) as users:
        return await users.create_user(email, password, name, [Role(role)])
