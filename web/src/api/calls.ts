import { http } from './http';
import { idempotent } from './intent';
import type * as T from './types';

const id = encodeURIComponent;

/** A stadium's map or list over a slow network takes its time, and is worth it. */
export const LARGE_TIMEOUT_MS = 60_000;

export interface EventFilter {
  q?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  mine?: boolean;
  cursor?: string | undefined;
}

export const events = {
  list: async (filter: EventFilter) =>
    (
      await http.get<T.Page<T.EventInfo>>('/events', {
        params: { ...filter, limit: 30 },
        anonymous: !filter.mine,
      })
    ).data,
  get: async (event: string) => (await http.get<T.EventInfo>(`/events/${id(event)}`)).data,
  create: async (draft: T.EventDraft) =>
    (await http.post<T.EventInfo>('/events', draft, { timeout: 120_000 })).data,
  update: async (event: string, change: Partial<T.EventDraft>) =>
    (await http.patch<T.EventInfo>(`/events/${id(event)}`, change, { timeout: 120_000 })).data,
  publish: async (event: string) =>
    (await http.post<T.EventInfo>(`/events/${id(event)}/publish`)).data,
  cancel: async (event: string) =>
    (await http.post<T.EventInfo>(`/events/${id(event)}/cancel`)).data,
  remove: async (event: string) => {
    await http.delete(`/events/${id(event)}`);
  },
  inventory: async (event: string) =>
    (await http.get<T.Inventory>(`/events/${id(event)}/inventory`)).data,
  categories: async (event: string) =>
    (await http.get<T.Page<T.Category>>(`/events/${id(event)}/categories`, { anonymous: true }))
      .data.items,
  sections: async (event: string) =>
    (await http.get<T.Page<T.Section>>(`/events/${id(event)}/sections`, { anonymous: true })).data
      .items,
  seats: async (event: string, section: string) =>
    (
      await http.get<T.Page<T.SectionSeat>>(`/events/${id(event)}/sections/${id(section)}/seats`, {
        anonymous: true,
      })
    ).data.items,
  geometry: async (event: string, layout: string, signal: AbortSignal) =>
    (
      await http.get<ArrayBuffer>(`/events/${id(event)}/geometry`, {
        params: { v: layout },
        responseType: 'arraybuffer',
        anonymous: true,
        timeout: LARGE_TIMEOUT_MS,
        signal,
      })
    ).data,
  /** The status of every seat, and of which layout. */
  availability: async (event: string, signal: AbortSignal) => {
    const answer = await http.get<ArrayBuffer>(`/events/${id(event)}/availability`, {
      responseType: 'arraybuffer',
      anonymous: true,
      signal,
    });
    const layout: unknown = answer.headers['x-layout-version'];
    return { bytes: answer.data, layout: typeof layout === 'string' ? layout : undefined };
  },
  sales: async (event: string) => (await http.get<T.Sales>(`/events/${id(event)}/sales`)).data,
  undelivered: async (event: string) =>
    (await http.get<T.Page<T.UndeliveredEmail>>(`/events/${id(event)}/undelivered-letters`)).data,
  correctEmail: async (event: string, order: string, email: string) => {
    await http.post(`/events/${id(event)}/orders/${id(order)}/email`, { email });
  },
};

export const availabilityStreamPath = (event: string, layout: string) =>
  `/events/${id(event)}/availability/stream?v=${encodeURIComponent(layout)}`;
export const salesStreamPath = (event: string) => `/events/${id(event)}/sales/stream`;

export const holds = {
  /** `pass`: of the event's line, where it has one. */
  place: async (event: string, request: T.HoldRequest, key: string, pass: string | null = null) => {
    const { headers } = idempotent(key);
    const config = { headers: pass === null ? headers : { ...headers, 'X-Line-Pass': pass } };
    return (await http.post<T.Hold>(`/events/${id(event)}/holds`, request, config)).data;
  },
  mine: async () => (await http.get<T.Page<T.Hold>>('/holds')).data.items,
  get: async (hold: string) => (await http.get<T.Hold>(`/holds/${id(hold)}`)).data,
  release: async (hold: string) => {
    await http.delete(`/holds/${id(hold)}`);
  },
};

export const orders = {
  place: async (hold: string, buyer: T.Buyer, key: string) =>
    (await http.post<T.Order>('/orders', { hold_id: hold, buyer }, idempotent(key))).data,
  list: async (cursor?: string) =>
    (await http.get<T.Page<T.Order>>('/orders', { params: { cursor } })).data,
  get: async (order: string) => (await http.get<T.Order>(`/orders/${id(order)}`)).data,
  cancel: async (order: string, key: string) =>
    (await http.post<T.Order>(`/orders/${id(order)}/cancel`, {}, idempotent(key))).data,
  tickets: async (order: string) =>
    (await http.get<T.Page<T.Ticket>>(`/orders/${id(order)}/tickets`)).data.items,
  emails: async (order: string) =>
    (await http.get<T.Page<T.OrderEmail>>(`/orders/${id(order)}/letters`)).data.items,
};

export const emails = {
  prove: async (token: string) => {
    await http.post('/letters/proofs', { token }, { anonymous: true });
  },
};

export const orderStreamPath = (order: string) => `/orders/${id(order)}/stream`;

export const files = {
  fetch: async (path: string) =>
    (await http.get<Blob>(path, { responseType: 'blob', timeout: LARGE_TIMEOUT_MS })).data,
  ticketQr: (ticket: string) => `/tickets/${id(ticket)}/qr.svg`,
  ticketPdf: (ticket: string) => `/tickets/${id(ticket)}.pdf`,
  calendar: (order: string) => `/orders/${id(order)}/event.ics`,
  ordersCsv: (event: string) => `/events/${id(event)}/orders.csv`,
};
