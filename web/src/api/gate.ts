import { queryOptions } from '@tanstack/react-query';
import { http } from './http';
import { idempotent } from './intent';
import type {
  Checkin,
  CheckinRequest,
  GateFigures,
  GateList,
  GateName,
  Page,
  StaffMember,
  TicketKey,
} from './types';

const id = encodeURIComponent;

/** Somebody stands at the door: without an answer by then, the device decides by itself. */
const GATE_TIMEOUT_MS = 5000;

export const gate = {
  check: async (scan: CheckinRequest, key: string) =>
    (
      await http.post<Checkin>('/checkins', scan, {
        ...idempotent(key),
        timeout: GATE_TIMEOUT_MS,
      })
    ).data,
  checkAll: async (scans: CheckinRequest[], key: string) =>
    (await http.post<{ scans: Checkin[] }>('/checkins/batch', { scans }, idempotent(key))).data
      .scans,
  keys: async () =>
    (await http.get<Page<TicketKey>>('/tickets/keys', { anonymous: true })).data.items.map(
      (key) => key.public_key,
    ),
  /** What a device has to know of tickets; `after` is the `next` of the last answer. */
  list: async (event: string, after: string | null) =>
    (
      await http.get<GateList>(`/events/${id(event)}/gate-list`, {
        params: after === null ? {} : { after },
      })
    ).data,
  /** A page of tickets by their buyers' names. */
  names: async (event: string, cursor: string | null) =>
    (
      await http.get<Page<GateName>>(`/events/${id(event)}/gate-names`, {
        params: cursor === null ? {} : { cursor },
      })
    ).data,
  figures: async (event: string) => (await http.get<GateFigures>(`/events/${id(event)}/gate`)).data,
  staff: async (event: string) =>
    (await http.get<Page<StaffMember>>(`/events/${id(event)}/gate-staff`)).data.items,
  addStaff: async (event: string, email: string) =>
    (await http.post<Page<StaffMember>>(`/events/${id(event)}/gate-staff`, { email })).data.items,
  removeStaff: async (event: string, user: string) => {
    await http.delete(`/events/${id(event)}/gate-staff/${id(user)}`);
  },
};

export const staffQuery = (event: string) =>
  queryOptions({ queryKey: ['gate-staff', event], queryFn: () => gate.staff(event) });
