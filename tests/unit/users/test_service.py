import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from houseful.kernel import email_addresses
from houseful.kernel.roles import Role
from houseful.users import domain
from houseful.users.domain import DAY_MILLIS, Admins, Session, User
from tests.unit.users.support import ANN, HERE, PASSWORD, Harness, all_of, identity, login, refused


async def test_registering_twice_looks_the_same_and_changes_nothing(harness: Harness) -> None:
    first = await harness.users.register(email=ANN, password=PASSWORD, name="Ann", peer=HERE)
    second = await harness.users.register(
        email="ANN@Example.com", password="another one", name="Bob", peer=HERE
    )
    assert second.id.startswith("usr_")
    assert second.id != first.id
    [user] = await all_of(harness.store, User)
    assert (user.id, user.name, user.roles) == (first.id, "Ann", (Role.BUYER,))
    assert (await login(harness.users)).user.id == first.id
    assert await refused(login(harness.users, password="another one")) == "bad_credentials"


async def test_parallel_registrations_make_one_account(harness: Harness) -> None:
    await asyncio.gather(
        *(harness.users.register(email=ANN, password=PASSWORD, name="Ann", peer=HERE) for _ in range(10))
    )
    assert len(await all_of(harness.store, User)) == 1


async def test_case_and_composition_of_what_is_typed_do_not_matter(harness: Harness) -> None:
    await harness.users.register(email="Ünal@example.com", password="pässword", name="Ünal", peer=HERE)
    signed_in = await login(harness.users, " U\u0308NAL@EXAMPLE.COM", "pa\u0308ssword")
    assert signed_in.user.email == "Ünal@example.com"


async def test_a_password_changed_while_it_was_verified_is_no_longer_good(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    verify = harness.passwords.verify

    async def slow(password: str, hash: str | None, *, whose: str) -> bool:
        found = await verify(password, hash, whose=whose)
        monkeypatch.undo()
        await harness.users.create_user(ANN, "the new password", "Ann")
        return found

    monkeypatch.setattr(harness.passwords, "verify", slow)
    assert await refused(login(harness.users)) == "bad_credentials"
    assert await all_of(harness.store, Session) == []


async def test_the_operator_wins_over_a_change_of_the_password_at_that_moment(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = identity(await harness.users.create_user(ANN, PASSWORD, "Ann"))
    verify = harness.passwords.verify

    async def slow(password: str, hash: str | None, *, whose: str) -> bool:
        found = await verify(password, hash, whose=whose)
        monkeypatch.undo()
        await harness.users.password_changes.change(who, current=PASSWORD, new="the new password")
        return found

    monkeypatch.setattr(harness.passwords, "verify", slow)
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    await login(harness.users)


# Sessions


async def test_parallel_refreshes_get_one_successor(harness: Harness) -> None:
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    first = await login(harness.users)
    processes = [harness.users, harness.another_process()]
    for _ in range(3):
        pairs = await asyncio.gather(
            *(processes[n % 2].sessions.refresh(first.refresh_token) for n in range(50))
        )
        [successor] = {pair.refresh_token for pair in pairs}
        assert successor != first.refresh_token
        first = pairs[0]
    [session] = await all_of(harness.store, Session)
    assert session.generation == 3


async def test_a_lost_reply_is_had_again_within_ten_seconds(harness: Harness) -> None:
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    first = await login(harness.users)
    second = await harness.users.sessions.refresh(first.refresh_token)
    await harness.clock.advance(10)
    assert (await harness.users.sessions.refresh(first.refresh_token)).refresh_token == second.refresh_token
    await harness.clock.advance(0.001)
    assert await refused(harness.users.sessions.refresh(first.refresh_token)) == "refresh_reused"
    assert await refused(harness.users.sessions.refresh(second.refresh_token)) == "refresh_reused"
    assert await refused(harness.users.sessions.refresh(first.refresh_token)) == "refresh_reused"


async def test_reuse_ends_that_family_only(harness: Harness) -> None:
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    first, other = await login(harness.users), await login(harness.users)
    second = await harness.users.sessions.refresh(first.refresh_token)
    third = await harness.users.sessions.refresh(second.refresh_token)
    assert await refused(harness.users.sessions.refresh(first.refresh_token)) == "refresh_reused"
    assert await refused(harness.users.sessions.refresh(third.refresh_token)) == "refresh_reused"
    await harness.users.sessions.refresh(other.refresh_token)


async def test_the_thief_and_the_owner_at_one_moment(harness: Harness) -> None:
    """Current and grandparent in parallel, in whatever order they come: the family is over."""
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    first = await login(harness.users)
    second = await harness.users.sessions.refresh(first.refresh_token)
    third = await harness.users.sessions.refresh(second.refresh_token)
    await asyncio.gather(
        *(harness.users.sessions.refresh(pair.refresh_token) for pair in (third, first, third, first)),
        return_exceptions=True,
    )
    [session] = await all_of(harness.store, Session)
    assert session.ended_why == "reused"
    users = await all_of(harness.store, User)
    assert domain.live_tokens(session, users[0].password_version, harness.clock.now()) == []


async def test_a_session_ends_after_its_days_however_often_it_is_refreshed(harness: Harness) -> None:
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    pair = await login(harness.users)
    for _ in range(29):
        await harness.clock.advance(24 * 3600)
        pair = await harness.users.sessions.refresh(pair.refresh_token)
    assert pair.refresh_seconds == 24 * 3600
    await harness.clock.advance(24 * 3600)
    assert await refused(harness.users.sessions.refresh(pair.refresh_token)) == "refresh_expired"


@pytest.mark.parametrize(
    "change",
    [
        lambda token: "",
        lambda token: "x" * 10_000,
        lambda token: token + "A",
        lambda token: token[:-2],
        lambda token: token.replace(".0.", ".1."),
        lambda token: token.replace(".0.", ".00."),
        lambda token: token.replace(".0.", ".²."),
        lambda token: token.replace("ses_", "ses-"),
        lambda token: "ses_0.0." + token.split(".")[2],
        lambda token: token.swapcase(),
    ],
)
async def test_what_was_not_made_here_ends_nothing(harness: Harness, change: Any) -> None:
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    pair = await login(harness.users)
    forged = change(pair.refresh_token)
    assert forged != pair.refresh_token
    assert await refused(harness.users.sessions.refresh(forged)) == "refresh_invalid"
    await harness.users.sessions.logout(refresh_token=forged)
    await harness.users.sessions.refresh(pair.refresh_token)


async def test_nothing_that_is_stored_is_a_token(harness: Harness) -> None:
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    pair = await login(harness.users)
    secret = pair.refresh_token.split(".")[2]
    for document in await all_of(harness.store, Session) + await all_of(harness.store, User):
        assert secret not in repr(document)
        assert PASSWORD not in repr(document)


async def test_logout_ends_the_session_and_is_no_error_the_second_time(harness: Harness) -> None:
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    first, other = await login(harness.users), await login(harness.users)
    second = await harness.users.sessions.refresh(first.refresh_token)
    for _ in range(2):
        await harness.users.sessions.logout(refresh_token=first.refresh_token)
    assert await refused(harness.users.sessions.refresh(second.refresh_token)) == "refresh_invalid"
    await harness.users.sessions.refresh(other.refresh_token)
    await harness.users.sessions.logout(session_id="ses_none")


async def test_changing_the_password_ends_all_other_sessions(harness: Harness) -> None:
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    mine, other = await login(harness.users), await login(harness.users)
    sessions = {session.id for session in await all_of(harness.store, Session)}
    [my_session] = {id for id in sessions if mine.refresh_token.startswith(id)}
    await harness.users.password_changes.change(
        identity(mine.user, my_session), current=PASSWORD, new="the new password"
    )
    assert await refused(harness.users.sessions.refresh(other.refresh_token)) == "refresh_invalid"
    await harness.users.sessions.refresh(mine.refresh_token)
    assert await refused(login(harness.users)) == "bad_credentials"
    await harness.users.sessions.refresh(
        (await login(harness.users, password="the new password")).refresh_token
    )


async def test_a_session_that_had_ended_does_not_come_back_by_a_change_of_the_password(
    harness: Harness,
) -> None:
    user = await harness.users.create_user(ANN, PASSWORD, "Ann")
    old = await login(harness.users)
    who = identity(user, old.refresh_token.split(".")[0])
    await harness.users.create_user(ANN, "the second one", "Ann")  # ends it
    await harness.users.password_changes.change(who, current="the second one", new="the third one")
    assert await refused(harness.users.sessions.refresh(old.refresh_token)) == "refresh_invalid"


async def test_of_two_changes_of_the_password_at_once_one_counts(harness: Harness) -> None:
    who = identity(await harness.users.create_user(ANN, PASSWORD, "Ann"))
    results = await asyncio.gather(
        *(
            harness.users.password_changes.change(who, current=PASSWORD, new=f"new password {n}")
            for n in range(5)
        ),
        return_exceptions=True,
    )
    assert [result for result in results if result is None] == [None]
    assert all(getattr(result, "code", "bad_credentials") == "bad_credentials" for result in results)


async def test_roles_count_from_the_next_refresh(harness: Harness) -> None:
    admin = await harness.users.create_user("root@example.com", PASSWORD, "Root", [Role.ADMIN])
    user = await harness.users.create_user(ANN, PASSWORD, "Ann")
    pair = await login(harness.users)
    await harness.users.set_roles(user.id, [Role.GATE], by=identity(admin))
    assert pair.user.roles == (Role.BUYER,)
    assert (await harness.users.sessions.refresh(pair.refresh_token)).user.roles == (Role.BUYER, Role.GATE)


async def test_old_sessions_are_forgotten_a_week_after_their_end(harness: Harness) -> None:
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    old = await login(harness.users)
    await harness.clock.advance(24 * 3600)
    young = await login(harness.users)
    await harness.clock.advance((30 + 7 - 1) * 24 * 3600)
    assert await harness.users.sessions.purge_expired() == 0
    assert await refused(harness.users.sessions.refresh(old.refresh_token)) == "refresh_expired"
    await harness.clock.advance(1)
    assert await harness.users.sessions.purge_expired() == 1
    assert await refused(harness.users.sessions.refresh(old.refresh_token)) == "refresh_invalid"
    assert await refused(harness.users.sessions.refresh(young.refresh_token)) == "refresh_expired"


async def test_the_job_forgets_again_and_again(harness: Harness) -> None:
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    job = asyncio.ensure_future(harness.users.purge_expired())
    for _ in range(2):
        await login(harness.users)
        harness.clock.jump(38 * DAY_MILLIS / 1000)
        while await all_of(harness.store, Session):  # until it wakes and has written
            await harness.clock.advance(3600)
            await asyncio.sleep(0.001)
    assert not job.done()
    job.cancel()


# Users and roles


async def test_pages(harness: Harness) -> None:
    made = [await harness.users.create_user(f"u{n}@example.com", PASSWORD, "Ann") for n in (3, 1, 2, 10, 4)]
    pages: list[list[str]] = []
    cursor: str | None = None
    while cursor is not None or not pages:
        users, cursor = await harness.users.accounts.page(q="", cursor=cursor, limit=2)
        pages.append([user.id for user in users])
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [id for page in pages for id in page] == [user.id for user in made]

    first, cursor = await harness.users.accounts.page(q="U1", cursor=None, limit=1)
    rest, end = await harness.users.accounts.page(q="U1", cursor=cursor, limit=1)
    assert [user.email for user in first + rest] == ["u10@example.com", "u1@example.com"]
    assert end is None


@pytest.mark.parametrize("cursor", ["?", "x", "bnVsbA", "e30", "WyJhIl0", "ü", "A" * 500])
async def test_a_cursor_of_somebody_else_is_refused(harness: Harness, cursor: str) -> None:
    assert await refused(harness.users.accounts.page(q="", cursor=cursor, limit=2)) == "validation_failed"


async def test_an_admin_keeps_the_own_role(harness: Harness) -> None:
    admin = await harness.users.create_user(ANN, PASSWORD, "Ann", [Role.ADMIN])
    assert await refused(harness.users.set_roles(admin.id, [], by=identity(admin))) == "own_admin_role"
    after = await harness.users.set_roles(admin.id, [Role.ADMIN, Role.GATE], by=identity(admin))
    assert after.roles == (Role.BUYER, Role.GATE, Role.ADMIN)


async def test_two_admins_who_depose_each_other_leave_one(harness: Harness) -> None:
    admins = [
        await harness.users.create_user(f"u{n}@example.com", PASSWORD, "Ann", [Role.ADMIN]) for n in range(6)
    ]
    results = await asyncio.gather(
        *(
            harness.users.set_roles(admins[n - 1].id, [], by=identity(admin))
            for n, admin in enumerate(admins)
        ),
        return_exceptions=True,
    )
    assert {getattr(result, "code", "forbidden") for result in results} == {"forbidden"}
    roster = await harness.store.get(Admins, Admins.ID)
    assert roster is not None
    assert roster.user_ids
    holders = {user.id for user in await all_of(harness.store, User) if Role.ADMIN in user.roles}
    assert holders == set(roster.user_ids)


async def test_creating_an_account_that_exists_adds_roles_and_sets_the_password(harness: Harness) -> None:
    first = await harness.users.create_user(ANN, PASSWORD, "Ann", [Role.GATE])
    pair = await login(harness.users)
    same = await harness.users.create_user("Ann@EXAMPLE.com", PASSWORD, "Anne", [Role.ORGANIZER])
    assert (same.id, same.name, same.roles) == (first.id, "Ann", (Role.BUYER, Role.ORGANIZER, Role.GATE))
    pair = await harness.users.sessions.refresh(pair.refresh_token)  # the same password: nobody is signed out
    await harness.users.create_user(ANN, "the new password", "Ann", [Role.ADMIN])
    assert await refused(harness.users.sessions.refresh(pair.refresh_token)) == "refresh_invalid"
    assert Role.ADMIN in (await login(harness.users, password="the new password")).user.roles


async def test_parallel_creations_make_one_account_with_all_roles(harness: Harness) -> None:
    roles = [Role.ADMIN, Role.GATE, Role.ORGANIZER]
    await asyncio.gather(*(harness.users.create_user(ANN, PASSWORD, "Ann", [role]) for role in roles * 2))
    [user] = await all_of(harness.store, User)
    assert user.roles == tuple(Role)
    assert user.password_version == 1
    roster = await harness.store.get(Admins, Admins.ID)
    assert roster is not None
    assert roster.user_ids == (user.id,)


async def test_first_admins_at_one_moment(harness: Harness) -> None:
    made = await asyncio.gather(
        *(harness.users.create_user(f"u{n}@example.com", PASSWORD, "Ann", [Role.ADMIN]) for n in range(4))
    )
    roster = await harness.store.get(Admins, Admins.ID)
    assert roster is not None
    assert set(roster.user_ids) == {user.id for user in made}


BOTH_FORMS = ["jörg@münchen.de", "jörg@xn--mnchen-3ya.de", "JÖRG@XN--MNCHEN-3YA.DE", "Jörg@MÜNCHEN.de"]


@pytest.mark.parametrize("first", BOTH_FORMS)
async def test_an_address_is_one_account_however_its_domain_is_spelt(harness: Harness, first: str) -> None:
    """Browsers send the ASCII form, operators and others type what they see."""
    await harness.users.register(email=first, password=PASSWORD, name="Jörg", peer=HERE)
    for other in BOTH_FORMS:
        assert (await login(harness.users, other)).user.email.lower() == "jörg@münchen.de"
        await harness.users.create_user(other, PASSWORD, "Jörg")
        [found], _ = await harness.users.accounts.page(q=other, cursor=None, limit=10)
        assert found.name == "Jörg"
    assert len(await all_of(harness.store, User)) == 1


async def test_domains_that_differ_by_a_letter_are_two_accounts(harness: Harness) -> None:
    await harness.users.register(email="anna@straße.de", password=PASSWORD, name="Anna", peer=HERE)
    await harness.users.register(email="anna@strasse.de", password="another one", name="Other", peer=HERE)
    assert (await login(harness.users, "anna@xn--strae-oqa.de")).user.name == "Anna"
    assert (await login(harness.users, "anna@strasse.de", "another one")).user.name == "Other"


async def with_the_first_versions_key(harness: Harness, email: str) -> User:
    user = await harness.users.create_user(email, PASSWORD, "Anna")
    async with harness.store.begin() as tx:
        kept = await tx.get(User, user.id)
        assert kept is not None
        tx.put(replace(kept, address=email_addresses.first_key(email)))
    return user


@pytest.mark.parametrize("email", ["anna@straße.de", "strauß@example.org", "anna@βόλος.com"])
async def test_accounts_of_the_version_before_sign_in(harness: Harness, email: str) -> None:
    user = await with_the_first_versions_key(harness, email)
    assert (await login(harness.users, email)).user.id == user.id
    await harness.users.register(email=email, password="another one", name="Eve", peer=HERE)
    [kept] = await all_of(harness.store, User)
    assert kept.address == email_addresses.parsed(email).key


async def test_an_account_of_the_version_before_does_not_keep_another_domain_out(harness: Harness) -> None:
    await with_the_first_versions_key(harness, "anna@straße.de")
    await harness.users.register(email="anna@strasse.de", password="another one", name="Other", peer=HERE)
    assert (await login(harness.users, "anna@strasse.de", "another one")).user.name == "Other"
    assert (await login(harness.users, "anna@straße.de")).user.name == "Anna"


@pytest.mark.parametrize("email", ["a@b", "bob.@example.org", "x@[127.0.0.1]", "x@example.org."])
async def test_what_is_no_address_signs_nobody_in(harness: Harness, email: str) -> None:
    assert await refused(login(harness.users, email)) == "bad_credentials"


async def test_an_organizer_finds_a_gate_account_by_either_form(harness: Harness) -> None:
    await harness.users.create_user("tor@münchen.de", PASSWORD, "Tor", [Role.GATE])
    assert (await harness.users.gate_account("TOR@xn--mnchen-3ya.de")).name == "Tor"
