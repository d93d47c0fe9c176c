"""Tickets: the inventory of every event, and the path of a seat from free to admitted."""

from houseful import administration
from houseful.kernel.ports import Transaction
from houseful.messages import (
    AccountErased,
    AmendmentRequested,
    EventCancelled,
    EventChanged,
    EventPublished,
    EventRescheduled,
    OrderConfirmed,
    OrderRefunded,
    PaymentReturned,
)
from houseful.tickets import (
    account_api,
    amendment_api,
    api,
    check_in_api,
    desk_api,
    emails_api,
    gate_api,
    organizer_api,
    presales_api,
    reschedule_api,
    webhook_api,
)
from houseful.tickets.audit_history import ORDER_ACTS
from houseful.tickets.domain.amendments import Amendment
from houseful.tickets.domain.blocks import Block
from houseful.tickets.domain.emails import QueuedEmail, Recipient
from houseful.tickets.domain.erasures import Erasure
from houseful.tickets.domain.gate_counts import GateCount
from houseful.tickets.domain.gate_staff import GateStaff
from houseful.tickets.domain.holds import Hold, HoldQuota
from houseful.tickets.domain.order_acts import OrderAct
from houseful.tickets.domain.orders import Order
from houseful.tickets.domain.presales import AccessCode, PresaleAccess, Presales
from houseful.tickets.domain.sales import Sales
from houseful.tickets.domain.scans import Scan
from houseful.tickets.domain.shows import PlanPart, Show
from houseful.tickets.domain.tickets import Ticket
from houseful.tickets.use_cases import Tickets
from houseful.tickets.use_cases.payment_reconciliation import WebhookReceived
from houseful.webapi.audit import AUDIT_DOCUMENTS
from houseful.webapi.idempotency import StoredResponse
from houseful.webapi.manifest import Manifest


async def _confirmed(tickets: Tickets, tx: Transaction, message: OrderConfirmed) -> None:
    await tickets.sales_report.on_confirmed(tx, message)
    await tickets.email_outbox.on_confirmed(tx, message)
    await tickets.rescheduling.on_confirmed(tx, message)
    tickets.shop_figures.arrived(message.event_id, message.confirmed_at)
    await tickets.has_left(message.event_id, message.user_id, len(message.seats), message.confirmed_at)


async def _refunded(tickets: Tickets, tx: Transaction, message: OrderRefunded) -> None:
    await tickets.sales_report.on_refunded(tx, message)
    await tickets.email_outbox.on_refunded(tx, message)


MANIFEST = Manifest(
    name="tickets",
    documents=(
        PlanPart,
        Show,
        Block,
        Amendment,
        Hold,
        HoldQuota,
        Order,
        OrderAct,
        Ticket,
        Scan,
        GateStaff,
        GateCount,
        Presales,
        AccessCode,
        PresaleAccess,
        Sales,
        QueuedEmail,
        Recipient,
        WebhookReceived,
        Erasure,
        StoredResponse,
        *AUDIT_DOCUMENTS,
    ),
    build=Tickets,
    endpoints=(
        *api.ENDPOINTS,
        *organizer_api.ENDPOINTS,
        *presales_api.ENDPOINTS,
        *reschedule_api.ENDPOINTS,
        *amendment_api.ENDPOINTS,
        *desk_api.ENDPOINTS,
        *check_in_api.ENDPOINTS,
        *gate_api.ENDPOINTS,
        *emails_api.ENDPOINTS,
        *webhook_api.ENDPOINTS,
        *account_api.ENDPOINTS,
        *administration.endpoints("tickets"),
    ),
    handlers={
        EventPublished: lambda tickets, tx, message: tickets.inventory.on_published(tx, message),
        EventChanged: lambda tickets, tx, message: tickets.inventory.on_changed(tx, message),
        EventRescheduled: lambda tickets, tx, message: tickets.rescheduling.on_rescheduled(tx, message),
        AmendmentRequested: lambda tickets, tx, message: tickets.amending.on_requested(tx, message),
        EventCancelled: lambda tickets, tx, message: tickets.inventory.on_cancelled(tx, message),
        OrderConfirmed: _confirmed,
        OrderRefunded: _refunded,
        PaymentReturned: lambda tickets, tx, message: tickets.email_outbox.on_returned(tx, message),
        AccountErased: lambda tickets, tx, message: tickets.erasures.on_erased(tx, message),
    },
    jobs=(
        Tickets.generate_inventories,
        Tickets.amend_plans,
        Tickets.follow_layouts,
        Tickets.publish_availability,
        Tickets.follow_availability,
        Tickets.tell_lines,
        Tickets.perform_expedited,
        Tickets.reconcile,
        Tickets.refund_cancelled,
        Tickets.tell_rescheduled,
        Tickets.send_emails,
        Tickets.erase_accounts,
        Tickets.purge_expired,
    ),
    histories=(ORDER_ACTS,),
)
