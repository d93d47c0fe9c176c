"""What an organizer does with a line while it is open: each act is recorded, with who and when."""

from collections.abc import Mapping
from typing import Any

import msgspec

from houseful.kernel.errors import StateConflict, invalid, not_found
from houseful.kernel.ports import Transaction
from houseful.kernel.roles import Identity, Role
from houseful.kernel.telemetry import request_id
from houseful.line.domain import draw, lines
from houseful.line.domain.admission import Admission
from houseful.line.domain.lines import ControlAct, Line
from houseful.line.domain.records import LineHistory, LineRecord
from houseful.line.schemas import (
    ControlHistoryView,
    ControlView,
    control_history_view,
    control_view,
)
from houseful.webapi.audit import AuditEntry, AuditLog, Detail, History, Lookup, actor_of
from houseful.webapi.idempotency import IdempotencyContext
from houseful.webapi.manifest import Platform

_MESSAGE_LENGTH = 500
_ACTS_SHOWN = 50


def _entry(act: ControlAct) -> AuditEntry:
    details: dict[str, Detail] = {}
    if act.action == "rate_cap":
        details["rate_cap"] = None if act.rate_cap is None else f"{act.rate_cap:g}"
    elif act.action == "message":
        details["message"] = act.message
    return AuditEntry(
        id=act.id,
        at=act.at,
        actor_id=act.user_id,
        role=act.role or Role.ORGANIZER,
        act=f"line.{act.action}",
        object=f"event:{act.event_id}",
        details=details,
        request_id=act.request_id,
    )


def _of_object(object: str) -> Lookup | None:
    kind, _, event_id = object.partition(":")
    return Lookup({"event_id": event_id}) if kind == "event" else None


CONTROL_ACTS = History(
    ControlAct,
    all=Lookup({}),
    of_actor=lambda user_id: Lookup({"user_id": user_id}),
    of_object=_of_object,
    entry=_entry,
)


class Control:
    def __init__(self, platform: Platform) -> None:
        self._store = platform.store
        self._clock = platform.clock
        self._ids = platform.ids
        self._audit = AuditLog(platform.clock, platform.ids)

    async def figures(self, who: Identity, event_id: str) -> ControlView:
        """Raises `NotFound` unless it is the line of the caller's own event."""
        line = owned(await self._store.get(Line, event_id), who)
        admission = await self._store.get(Admission, event_id) or Admission(id=event_id)
        record = await self._store.get(LineRecord, event_id) or LineRecord(id=event_id)
        return control_view(line, admission, record, await self._acts(event_id), self._clock.now())

    async def history(self, who: Identity, event_id: str) -> ControlHistoryView:
        """The last hour. Raises `NotFound` unless it is the line of the caller's own event."""
        owned(await self._store.get(Line, event_id), who)
        history = await self._store.get(LineHistory, event_id) or LineHistory(id=event_id)
        return control_history_view(history, self._clock.now())

    async def act(
        self,
        who: Identity,
        event_id: str,
        action: str,
        *,
        rate_cap: float | None = None,
        message: str | None = None,
        secret: str | None = None,
        context: IdempotencyContext | None = None,
    ) -> ControlView:
        """The figures after it, stored for a repetition where there is a context. Raises `NotFound` unless
        it is the line of the caller's own event, `StateConflict`, `Invalid`."""
        revealed = _secret_of(secret) if action == "reveal" else b""
        if action == "message" and (message is None or len(message) > _MESSAGE_LENGTH):
            raise invalid({"message": f"is needed, with at most {_MESSAGE_LENGTH} characters"})
        acts_before = await self._acts(event_id)

        async def work(tx: Transaction) -> ControlView:
            line = owned(await tx.get(Line, event_id), who)
            admission = await tx.get(Admission, event_id) or Admission(id=event_id)
            record = await tx.get(LineRecord, event_id) or LineRecord(id=event_id)
            after = _changed(line, action, rate_cap, message, revealed)
            if after != line:
                tx.put(after)
            by = actor_of(who)
            await self._audit.know(tx, by)
            now = self._clock.now()
            act = ControlAct(
                id=self._ids.new("act"),
                event_id=event_id,
                at=now,
                user_id=who.user_id,
                action=action,
                rate_cap=rate_cap,
                message=message,
                role=by.role,
                request_id=request_id.get() or "",
            )
            tx.insert(act)
            view = control_view(after, admission, record, [act, *acts_before][:_ACTS_SHOWN], now)
            if context is not None:
                context.store(tx, view)
            return view

        return await self._store.transact(work)

    async def _acts(self, event_id: str) -> list[ControlAct]:
        """The latest first."""
        return await self._store.find(
            ControlAct, {"event_id": event_id}, by="at", descending=True, limit=_ACTS_SHOWN
        )


def owned(line: Line | None, who: Identity) -> Line:
    """Raises `NotFound` unless it is the line of the caller's own event; an administrator has them all."""
    if line is None or not (line.organizer_id == who.user_id or who.has(Role.ADMIN)):
        raise not_found("line")
    return line


def _secret_of(secret: str | None) -> bytes:
    try:
        return bytes.fromhex(secret or "")
    except ValueError:
        raise invalid({"secret": "has to be the secret's bytes in hex"}) from None


def _changed(line: Line, action: str, rate_cap: float | None, message: str | None, secret: bytes) -> Line:
    changes: Mapping[str, dict[str, Any]] = {
        "rate_cap": {"rate_cap": rate_cap},
        "message": {"message": message},
        "reveal": {"partner_secret": secret},
    }
    if action == "reveal":
        if line.beacon != "pair" or line.phase is not lines.Phase.SEALED:
            raise StateConflict("nothing_to_reveal", "A secret is revealed between the seal and the draw.")
        if draw.commitment(secret) != line.partner_commitment:
            raise invalid({"secret": "is not the one that the event's commitment is of"})
    if action in changes:
        return msgspec.structs.replace(line, **changes[action])
    step: Any = {"pause": "pause", "resume": "resume", "close": "end"}[action]
    return lines.stepped(line, step)
