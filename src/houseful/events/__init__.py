"""Events: what organizers announce, from the draft to the day. The seats are the ticket service's."""

from houseful import administration
from houseful.events import account_api, amendment_api, api, plan_api
from houseful.events.service import DOCUMENTS, EventsService
from houseful.messages import (
    AccountErased,
    AmendmentApplied,
    AmendmentRefused,
    AvailabilityChanged,
    InventoryFailed,
    InventoryReady,
)
from houseful.webapi.manifest import Manifest, Platform


def _build(platform: Platform) -> EventsService:
    return EventsService(platform.store, platform.clock, platform.ids, platform.workers, platform.client)


MANIFEST = Manifest(
    name="events",
    documents=DOCUMENTS,
    build=_build,
    endpoints=(
        *api.ENDPOINTS,
        *plan_api.ENDPOINTS,
        *amendment_api.ENDPOINTS,
        *account_api.ENDPOINTS,
        *administration.endpoints("events"),
    ),
    handlers={
        InventoryReady: EventsService.inventory_ready,
        InventoryFailed: EventsService.inventory_failed,
        AmendmentApplied: EventsService.amendment_applied,
        AmendmentRefused: EventsService.amendment_refused,
        AvailabilityChanged: EventsService.availability_changed,
        AccountErased: EventsService.account_erased,
    },
    jobs=(EventsService.purge_expired,),
)
