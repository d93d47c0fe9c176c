"""Accounts that the operator makes."""

from houseful.kernel.roles import Role
from houseful.settings import Settings
from houseful.tools.offline import open_service_offline
from houseful.users import MANIFEST
from houseful.users.domain import User


async def create(settings: Settings, *, email: str, password: str, name: str, role: str) -> User:
    """An account with this role and password, new or not, beside a running server too. Raises
    `DomainError`."""
    async with open_service_offline(settings, MANIFEST) as users:
        return await users.create_user(email, password, name, [Role(role)])
