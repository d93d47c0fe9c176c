"""`houseful check` is red when an access code was used by more accounts than it may be."""

import msgspec

from houseful.kernel.ports import Transaction
from houseful.tickets.domain.presales import AccessCode, Grant, PresaleAccess
from tests.support.deployment import Deployment
from tests.unit.tools.sold_seats import change, do, found, impatient, report_of, sold

__all__ = ["impatient", "sold"]


async def used(sold: Deployment, *, accounts: int, uses: int, max_uses: int) -> None:
    async def work(tx: Transaction) -> None:
        tx.insert(
            AccessCode(
                id="acc_1",
                event_id="evt_1",
                presale_id="psl_1",
                position=0,
                begins_with="FR",
                max_uses=max_uses,
                uses=uses,
            )
        )
        for number in range(accounts):
            tx.insert(
                PresaleAccess(
                    id=f"evt_1:usr_{number}",
                    event_id="evt_1",
                    user_id=f"usr_{number}",
                    grants=(Grant("acc_1", 0),),
                )
            )

    await do(sold, work)


async def test_c18_a_code_that_was_used_as_often_as_it_may_be(sold: Deployment) -> None:
    await used(sold, accounts=2, uses=2, max_uses=2)
    assert await found(sold) == {}
    [check] = [result for result in (await report_of(sold)).checks if result.code == "C18"]
    assert check.scope == "1 access codes"


async def test_c18_more_accounts_than_uses(sold: Deployment) -> None:
    await used(sold, accounts=3, uses=3, max_uses=2)
    assert await found(sold) == {"C18": ["was used by 3 accounts, and 2 may"]}


async def test_c18_a_use_that_was_not_counted(sold: Deployment) -> None:
    await used(sold, accounts=2, uses=1, max_uses=5)
    assert await found(sold) == {"C18": ["counts 1 uses, and 2 accounts have used it"]}


async def test_c18_an_account_that_has_used_a_code_twice_and_one_of_a_code_that_is_not_there(
    sold: Deployment,
) -> None:
    await used(sold, accounts=1, uses=1, max_uses=5)

    def twice(access: PresaleAccess) -> PresaleAccess:
        return msgspec.structs.replace(access, grants=(Grant("acc_2", 0), Grant("acc_2", 1)))

    await change(sold, PresaleAccess, twice)
    assert await found(sold) == {"C18": ["has used a code twice", "was used and does not exist"]}
