"""Passwords are hashed at next to no cost in tests, which make thousands of accounts: a good hash takes
25 ms of a core.
"""

from argon2 import PasswordHasher

from houseful.users.passwords import Passwords

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
USUAL = Passwords.usual_hasher
"""The product's."""


def install() -> None:
    """In this process."""
    Passwords.usual_hasher = CHEAP
