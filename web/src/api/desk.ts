import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { http } from './http';
import { idempotent } from './intent';
import type { Correction, DeskOrder, DeskOrderDetails, DeskRefund, Page } from './types';

const id = encodeURIComponent;
const ordersPath = (event: string) => `/events/${id(event)}/orders`;
const orderPath = (event: string, order: string) => `${ordersPath(event)}/${id(order)}`;

const act = async (event: string, order: string, what: string, body: unknown, key: string) =>
  (await http.post<DeskOrder>(`${orderPath(event, order)}/${what}`, body, idempotent(key))).data;

/** What an organizer does for one buyer. */
export const desk = {
  find: async (event: string, q: string, cursor?: string) =>
    (await http.get<Page<DeskOrder>>(ordersPath(event), { params: { q, cursor } })).data,
  order: async (event: string, order: string) =>
    (await http.get<DeskOrderDetails>(orderPath(event, order))).data,
  resend: (event: string, order: string, key: string) => act(event, order, 'resend', {}, key),
  correct: (event: string, order: string, body: Correction, key: string) =>
    act(event, order, 'buyer', body, key),
  refund: (event: string, order: string, body: DeskRefund, key: string) =>
    act(event, order, 'refund', body, key),
  note: (event: string, order: string, body: { text: string }, key: string) =>
    act(event, order, 'notes', body, key),
};

export const deskOrdersQuery = (event: string, q: string) =>
  infiniteQueryOptions({
    queryKey: ['desk', event, 'orders', q],
    queryFn: ({ pageParam }) => desk.find(event, q, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });

/** Emails go and refunds settle without the organizer's doing. */
export const deskOrderQuery = (event: string, order: string) =>
  queryOptions({
    queryKey: ['desk', event, 'order', order],
    queryFn: () => desk.order(event, order),
    refetchInterval: 10_000,
  });
