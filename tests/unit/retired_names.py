"""Names that the source no longer uses, and the term of the field that took the place of each."""

from typing import NamedTuple

EVERYWHERE = ("src", "tests", "bench", "web/src")
CODE = ("src", "tests", "bench")


class Retired(NamedTuple):
    """`name` is forbidden in `folders`. One with capitals is an identifier; another is words that no
    identifier may have in it, however that is written."""

    name: str
    term: str
    folders: tuple[str, ...] = CODE


RETIRED = (
    Retired("service_door", "InternalIngress"),
    Retired("wall_and_stopwatch", "Clock"),
    Retired("stopwatch", "Clock"),
    Retired("Sleeper", "Clock"),
    Retired("caller_gone", "ClientDisconnected"),
    Retired("spare_the_collector", "freeze_gc"),
    Retired("to_gateway", "gateway_client"),
    Retired("by_url", "adapter factory"),
    Retired("Refusal", "ProblemError"),
    Retired("kept_answer", "StoredResponse"),
    Retired("orphans", "AbandonedTransactions"),
    Retired("make_way", "preempt"),
    Retired("doom", "cascade abort"),
    Retired("TORN", "read skew", ("src/houseful/adapters",)),
    Retired("tenure", "assignment", ("src/houseful/adapters/kafka",)),
    Retired("owed", "pending commits", ("src/houseful/adapters/kafka",)),
    Retired("unclaim", "release"),
    Retired("late_answers", "DelayedResponses"),
    Retired("Trouble", "OutageLog"),
    Retired("keep_house", "purge_expired"),
    Retired("forget_old", "purge_expired"),
    Retired("redis_line", "PipelinedConnection"),
    Retired("dialler", "ConnectionFactory"),
    Retired("redis_signals", "RedisPubSub"),
    Retired("kafka_sender", "KafkaProducer"),
    Retired("bus_look", "BusInspection"),
    Retired("outbox_figures", "OutboxStats"),
    Retired("service_answer", "ServiceResponse"),
    Retired("WorkHere", "InlineWorkers"),
    Retired("EndedTokens", "RevokedTokens"),
    Retired("queued_letter", "QueuedEmail"),
    Retired("hall_view", "AvailabilityView"),
    Retired("order_signals", "OrderNotifications"),
    Retired("allowance_id", "quota_id"),
    Retired("Halls", "LayoutCache", ("src",)),
    Retired("halls", "plans", ("tests/support",)),
    Retired("Settlement", "PaymentReconciliation"),
    Retired("Allowance", "HoldQuota"),
    Retired("letter_state", "EmailState"),
    Retired("Letter", "Email", ("src",)),
    Retired("Vouching", "ConsistencyMonitor", ("src",)),
    Retired("Doubt", "Inconsistency", ("src",)),
    Retired("opened_look", "opened_subset"),
    Retired("Place", "PartitionId", ("src/houseful/adapters",)),
    Retired("Finding", "Violation", ("src/houseful/tools/invariants",)),
    Retired("Asked", "PageRequest, PendingRead", ("src",)),
    Retired("Pace", "RequestPacer", ("src/houseful/gateway",)),
    Retired("Keeper", "CachedBodies", ("src",)),
    Retired("Kept", "CachedBody", ("src/houseful/webapi", "src/houseful/gateway")),
    Retired("CUT", "ABORT_EXTENSION", ("src",)),
    Retired("LineInAThread", "ThreadedFaultProxy", ("tests",)),
    Retired("letter_words", "emailText", ("web/src",)),
    Retired("letters_query", "emailsQuery", ("web/src",)),
    Retired("order_letter", "OrderEmail", ("web/src",)),
    Retired("undelivered_letter", "UndeliveredEmail", ("web/src",)),
    Retired("lucide-react", "lucide with ui/Icon.tsx", ("web/src",)),
    Retired("World", "Harness", ("tests",)),
    Retired("SystemHouse", "SystemDeployment", ("tests",)),
    Retired("Stand", "Environment", ("tests",)),
    Retired("Site", "Installation", ("tests",)),
    Retired("Insistent", "RetryingClient", ("tests",)),
)
