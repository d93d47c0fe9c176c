"""`houseful check` is red when something still tells whose an erased account was."""

from houseful.kernel.ports import Transaction
from houseful.tickets.domain.erasures import Erasure, erased_order
from houseful.tickets.domain.order_acts import Act, Actor, OrderAct, erased_act
from houseful.tickets.domain.orders import Order
from houseful.users.domain import ErasedAccount, User
from houseful.users.passkey import AccountPasskeys, take_off_passkeys
from houseful.webapi.audit import Address, AuditActor, erase_actor
from tests.support.deployment import Deployment
from tests.unit.tools.sold_seats import do, found, impatient, sold

__all__ = ["impatient", "sold"]


async def test_c17_an_order_that_names_an_erased_buyer(sold: Deployment) -> None:
    orders = await sold.app.stores["tickets"].find(Order, {}, limit=10)
    user_id = orders[0].user_id

    async def erase(tx: Transaction) -> None:
        tx.insert(Erasure(id=user_id, erased_at=0, due_at=None))
        tx.insert(
            OrderAct(
                id="act_1",
                order_id=orders[0].id,
                at=0,
                act=Act.NOTED,
                actor=Actor.ORGANIZER,
                text="Bea",
            )
        )

    async def erase_orders(tx: Transaction) -> None:
        for order in (await tx.get_many(Order, [one.id for one in orders])).values():
            tx.put(erased_order(order))

    await do(sold, erase)

    async def erase_acts(tx: Transaction) -> None:
        for order in orders:
            for act in await tx.find(OrderAct, {"order_id": order.id}, limit=100):
                tx.put(erased_act(act))

    assert ["names its buyer" in one for one in (await found(sold))["C17"]] == [True, True]
    await do(sold, erase_orders)
    # an email that goes meanwhile is in the history of the other order
    assert all("in its history" in one for one in (await found(sold))["C17"])
    await do(sold, erase_acts)
    assert await found(sold) == {}


async def test_c17_an_erased_account_that_is_there(sold: Deployment) -> None:
    [order, *_] = await sold.app.stores["tickets"].find(Order, {}, limit=1)

    async def erase(tx: Transaction) -> None:
        tx.insert(ErasedAccount(id=order.user_id, erased_at=0, due_at=None))

    async def delete(tx: Transaction) -> None:
        user = await tx.get(User, order.user_id)
        assert user is not None
        tx.delete(user)

    await do(sold, erase, "users")
    assert (await found(sold))["C17"] == ["is erased, and there is the account, one of its sessions"]
    await do(sold, delete, "users")

    async def make_passkeys(tx: Transaction) -> None:
        tx.insert(AccountPasskeys(id=order.user_id))

    async def delete_passkeys(tx: Transaction) -> None:
        await take_off_passkeys(tx, order.user_id)

    await do(sold, make_passkeys, "users")
    told = ["is erased, and there is one of its passkeys, one of its sessions"]
    assert (await found(sold))["C17"] == told
    await do(sold, delete_passkeys, "users")
    result = await found(sold)
    assert result.pop("C17") == ["is erased, and there is one of its sessions"]
    assert result == {}  # whoever bought something had an account once


async def test_c17_an_address_that_the_audit_log_still_has(sold: Deployment) -> None:
    async def erase(tx: Transaction) -> None:
        tx.insert(ErasedAccount(id="usr_gone", erased_at=0, due_at=None))

    async def act(tx: Transaction) -> None:
        tx.insert(AuditActor(id="usr_gone", addresses=(Address(0, "gone@example.org"),)))

    async def empty(tx: Transaction) -> None:
        await erase_actor(tx, "usr_gone")

    await do(sold, erase, "users")
    assert await found(sold) == {}
    await do(sold, act, "events")
    assert (await found(sold))["C17"] == ["is erased, and the audit log of events has its address"]
    await do(sold, empty, "events")
    assert await found(sold) == {}
