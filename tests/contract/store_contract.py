"""The contract of `Store`, for every adapter: subclass `WholeStoreContract` and give it the fixture
`open_store`."""

from tests.contract.store_history_contract import HistoryContract
from tests.contract.store_life_contract import StoreLifeContract
from tests.contract.store_outbox_contract import OutboxContract
from tests.contract.store_reader_contract import ReaderContract
from tests.contract.store_transaction_contract import TransactionContract
from tests.contract.store_uniqueness_contract import UniquenessContract


class WholeStoreContract(
    ReaderContract,
    TransactionContract,
    UniquenessContract,
    OutboxContract,
    StoreLifeContract,
    HistoryContract,
):
    """All of it."""
