"""The line: who may buy next, where more people want seats than can be served at once."""

from houseful import administration
from houseful.line import account_api, api
from houseful.line.control import CONTROL_ACTS
from houseful.line.domain.admission import Admission
from houseful.line.domain.lines import ControlAct, Entry, Line, SealedPart, Visit
from houseful.line.domain.notices import TurnNotice
from houseful.line.domain.records import LineHistory, LineRecord
from houseful.line.domain.rehearsals import RehearsedRate
from houseful.line.service import LineService
from houseful.messages import (
    AccountErased,
    EventCancelled,
    EventChanged,
    EventPublished,
    EventRescheduled,
)
from houseful.webapi.audit import AUDIT_DOCUMENTS
from houseful.webapi.idempotency import StoredResponse
from houseful.webapi.manifest import Manifest

MANIFEST: Manifest[LineService] = Manifest(
    name="line",
    documents=(
        Line,
        Entry,
        SealedPart,
        Admission,
        Visit,
        TurnNotice,
        ControlAct,
        RehearsedRate,
        LineRecord,
        LineHistory,
        StoredResponse,
        *AUDIT_DOCUMENTS,
    ),
    build=LineService,
    endpoints=(*api.ENDPOINTS, *account_api.ENDPOINTS, *administration.endpoints("line")),
    handlers={
        EventPublished: LineService.event_published,
        EventChanged: LineService.event_changed,
        EventRescheduled: LineService.event_rescheduled,
        EventCancelled: LineService.event_cancelled,
        AccountErased: lambda line, tx, message: line.account_data.on_erased(tx, message),
    },
    jobs=(
        LineService.take_steps,
        LineService.number_newcomers,
        LineService.admit,
        LineService.tell_turns,
        LineService.hear_shop,
        LineService.purge_expired,
    ),
    histories=(CONTROL_ACTS,),
)
