from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from houseful.kernel.errors import DomainError
from houseful.kernel.roles import Role
from houseful.users import domain
from houseful.users.domain import DAY_MILLIS, GRACE_MILLIS, Admins, Presented, Session, User
from houseful.webapi.problems import status_of
from tests.support.examples import examples

START = 1_800_000_000_000
DAYS = 30
ANN = User(
    id="usr_1",
    email="ann@example.com",
    address="ann@example.com",
    name="Ann",
    password_hash="…",
    created_at=START,
)


def begun() -> Session:
    return domain.begin_session("ses_1", ANN, now=START, days=DAYS)


class Family(RuleBasedStateMachine):
    """Against a model that knows nothing of generations: when each token was used, what came of it,
    and whether all is over."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.version = 1
        self.session = begun()
        self.successors: list[int | None] = [None]  # of each token, in the order in which they were given out
        self.used_at: list[int | None] = [None]
        self.over = False

    @rule(millis=st.sampled_from([0, 1, 500, GRACE_MILLIS - 1, GRACE_MILLIS, GRACE_MILLIS + 1, 60_000]))
    def time_passes(self, millis: int) -> None:
        self.now += millis

    @rule()
    def present_current(self) -> None:
        self._present(len(self.successors) - 1)

    @precondition(lambda self: len(self.successors) > 1)
    @rule()
    def present_previous(self) -> None:
        self._present(len(self.successors) - 2)

    @precondition(lambda self: len(self.successors) > 2)
    @rule(data=st.data())
    def present_older(self, data: st.DataObject) -> None:
        self._present(data.draw(st.integers(0, len(self.successors) - 3)))

    @precondition(lambda self: len(self.successors) > 4)
    @rule()
    def sign_out(self) -> None:
        self.session = domain.end(self.session, "logout", self.now)
        self.over = True

    @precondition(lambda self: len(self.successors) > 4)
    @rule()
    def change_the_password_elsewhere(self) -> None:
        self.version += 1
        self.over = True

    @precondition(lambda self: len(self.successors) > 4)
    @rule()
    def wait_for_the_end(self) -> None:
        self.now = START + DAYS * DAY_MILLIS
        self.over = True

    def _present(self, token: int) -> None:
        what, self.session = domain.present(self.session, token, self.version, self.now)
        given = self.session.generation if what in (Presented.ROTATED, Presented.REPEATED) else None
        assert given == self._expected(token)

    def _expected(self, token: int) -> int | None:
        if self.over:
            return None
        used_at, successor = self.used_at[token], self.successors[token]
        if used_at is None or successor is None:
            self.used_at[token], self.successors[token] = self.now, len(self.successors)
            self.used_at.append(None)
            self.successors.append(None)
            return len(self.successors) - 1
        if self.used_at[successor] is None and self.now - used_at <= GRACE_MILLIS:
            return successor
        self.over = True
        return None

    @invariant()
    def at_most_one_token_lives(self) -> None:
        live = domain.live_tokens(self.session, self.version, self.now)
        assert live == ([] if self.over else [len(self.successors) - 1])
        owner = replace(ANN, password_version=self.version)
        assert domain.session_faults([self.session], [owner], self.now) == []


TestFamily = Family.TestCase
TestFamily.settings = examples(150, stateful_step_count=40)


@pytest.mark.parametrize(
    ("token", "after_millis", "expected"),
    [
        (1, 0, Presented.ROTATED),
        (1, 20 * DAY_MILLIS, Presented.ROTATED),
        (0, 0, Presented.REPEATED),
        (0, GRACE_MILLIS, Presented.REPEATED),
        (0, GRACE_MILLIS + 1, Presented.REUSED),
        (0, -GRACE_MILLIS - 1, Presented.REUSED),
        (2, 0, Presented.REUSED),
        (1, DAYS * DAY_MILLIS, Presented.EXPIRED),
        (0, DAYS * DAY_MILLIS, Presented.EXPIRED),
    ],
)
def test_after_one_rotation(token: int, after_millis: int, expected: Presented) -> None:
    _, session = domain.present(begun(), 0, 1, START)
    what, after = domain.present(session, token, 1, START + after_millis)
    assert what is expected
    assert (after.ended_why == "reused") == (expected is Presented.REUSED)


def test_the_grandparent_ends_the_family_at_once() -> None:
    session = begun()
    for token in (0, 1):
        _, session = domain.present(session, token, 1, START)
    what, session = domain.present(session, 0, 1, START)
    assert what is Presented.REUSED
    assert domain.present(session, 2, 1, START)[0] is Presented.ENDED_BY_REUSE


def test_the_successor_is_the_same_only_while_it_is_unused() -> None:
    _, session = domain.present(begun(), 0, 1, START)
    assert domain.present(session, 0, 1, START + 1) == (Presented.REPEATED, session)
    _, session = domain.present(session, 1, 1, START + 2)
    assert domain.present(session, 0, 1, START + 3)[0] is Presented.REUSED


def test_ending_twice_keeps_the_first_reason() -> None:
    ended = domain.end(begun(), "reused", START)
    assert domain.end(ended, "logout", START + 1) is ended


def test_faults_are_found() -> None:
    good = begun()
    broken: list[dict[str, Any]] = [
        {"user_id": "usr_2"},
        {"generation": 3},
        {"rotated_at": START},
        {"ended_at": START},
        {"password_version": 2},
    ]
    assert domain.session_faults([good], [ANN], START) == []
    for change in broken:
        assert len(domain.session_faults([replace(good, **change)], [ANN], START)) == 1, change


def test_two_live_tokens_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control of C11: a build in which every token rotates."""
    monkeypatch.setattr(domain, "present", lambda session, *rest: (Presented.ROTATED, session))
    session = replace(begun(), generation=1, rotated_at=START)
    assert domain.session_faults([session], [ANN], START) == [
        "session ses_1 has 2 live refresh tokens: [0, 1]"
    ]


@given(st.text(max_size=130))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        name = domain.person(text)
    except DomainError:
        return
    assert domain.person(name) == name
    assert name.isspace() is False
    assert len(name) <= 100


@pytest.mark.parametrize("text", ["", "  ", "x" * 101, "a\nb", "a\x00", "a\u202eb"])
def test_no_names(text: str) -> None:
    with pytest.raises(DomainError):
        domain.person(text)


def test_passwords() -> None:
    composed, decomposed = "pässword", "pa\u0308ssword"
    assert domain.new_password(decomposed, "a@b.de") == composed == domain.typed_password(decomposed)
    assert domain.new_password(" " * 8, "a@b.de") == " " * 8
    assert domain.new_password("x" * 128, "a@b.de") == "x" * 128


@pytest.mark.parametrize("text", ["x" * 7, "x" * 129, "a\u0308" * 7, "ANN@Example.com", "\udc80" * 8])
def test_no_passwords(text: str) -> None:
    with pytest.raises(DomainError) as refusal:
        domain.new_password(text, "ann@example.com", field="new_password")
    assert set(refusal.value.errors) == {"new_password"}


def test_roles_always_have_buyer_and_an_order() -> None:
    assert domain.with_roles(ANN, []).roles == (Role.BUYER,)
    assert domain.with_roles(ANN, [Role.ADMIN, Role.GATE, Role.GATE]).roles == (
        Role.BUYER,
        Role.GATE,
        Role.ADMIN,
    )


def test_the_set_of_admins_follows_the_roles() -> None:
    admin = domain.with_roles(ANN, [Role.ADMIN])
    nobody = Admins(id=Admins.ID)
    one = domain.with_admin(nobody, admin, by=None)
    assert one.user_ids == (ANN.id,)
    assert domain.with_admin(one, admin, by=ANN.id) is one
    assert domain.with_admin(one, ANN, by="usr_2") == nobody
    with pytest.raises(DomainError) as refusal:
        domain.with_admin(one, ANN, by=ANN.id)
    assert (status_of(refusal.value), refusal.value.code) == (409, "own_admin_role")
