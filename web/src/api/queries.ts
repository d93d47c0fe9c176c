import { infiniteQueryOptions, QueryClient, queryOptions } from '@tanstack/react-query';
import { deadline } from '@/lib/time';
import { amendments } from './amendments';
import * as calls from './calls';
import { ApiError } from './problem';
import type { Hold, Order } from './types';

const ATTEMPTS = 2;

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      // Without a network a request fails and says so; the library would wait in silence instead.
      mutations: { networkMode: 'always' },
      queries: {
        networkMode: 'always',
        refetchOnReconnect: true,
        staleTime: 15_000,
        retry: (failures, error) =>
          error instanceof ApiError &&
          error.transient &&
          error.status !== 429 &&
          failures < ATTEMPTS,
      },
    },
  });
}

/** On its way for the first time and not failed yet: a page that needs it shows its outline for that long. */
export const isOnItsWay = (query: { isLoading: boolean; failureCount: number }) =>
  query.isLoading && query.failureCount === 0;

/** `endsAt` is the end on this device's clock, from the server's own idea of now; null when there is none. */
export type Timed<T> = T & { endsAt: number | null };

function timed<T extends { expires_at: string | null; server_time: string }>(value: T): Timed<T> {
  const { expires_at: end, server_time: now } = value;
  return { ...value, endsAt: end === null ? null : deadline(end, now) };
}

export const timedHold = (hold: Hold): Timed<Hold> => timed(hold);
export const timedOrder = (order: Order): Timed<Order> => timed(order);

export const eventsQuery = (filter: calls.EventFilter) =>
  infiniteQueryOptions({
    queryKey: ['events', filter],
    queryFn: ({ pageParam }) => calls.events.list({ ...filter, cursor: pageParam }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });

export const eventQuery = (event: string) =>
  queryOptions({ queryKey: ['event', event], queryFn: () => calls.events.get(event) });

export const inventoryQuery = (event: string) =>
  queryOptions({
    queryKey: ['inventory', event],
    queryFn: () => calls.events.inventory(event),
    refetchInterval: ({ state }) => (state.data?.state === 'ready' ? false : 700),
  });

export const categoriesQuery = (event: string) =>
  queryOptions({ queryKey: ['categories', event], queryFn: () => calls.events.categories(event) });

export const sectionsQuery = (event: string) =>
  queryOptions({ queryKey: ['sections', event], queryFn: () => calls.events.sections(event) });

/** Names of seats change with the layout alone; their status comes from the live map instead. */
export const seatsQuery = (event: string, layout: string, section: string) =>
  queryOptions({
    queryKey: ['seats', event, layout, section],
    queryFn: () => calls.events.seats(event, section),
    staleTime: Infinity,
  });

export const geometryQuery = (event: string, layout: string) =>
  queryOptions({
    queryKey: ['geometry', event, layout],
    queryFn: ({ signal }) => calls.events.geometry(event, layout, signal),
    staleTime: Infinity,
  });

export interface Pending {
  holdId: string;
  eventId: string;
  seats: { ordinal: number; id: string }[];
  endsAt: number;
}

/** Seats that the person holds right now: holds without an order, and orders that wait for their payment. */
export const pendingQuery = () =>
  queryOptions({
    queryKey: ['pending'],
    // Whoever lost the answer to a hold waits for this one, so it is not tried for long.
    retry: false,
    queryFn: async (): Promise<Pending[]> => {
      const [holds, orders] = await Promise.all([calls.holds.mine(), calls.orders.list()]);
      const unpaid = orders.items.filter((order) => order.status === 'awaiting_payment');
      const pending = [...holds.filter((hold) => hold.status === 'active'), ...unpaid];
      return pending
        .flatMap((item) => {
          const { endsAt, hold_id: holdId, event_id: eventId, seats } = timed(item);
          return endsAt === null ? [] : [{ holdId, eventId, seats, endsAt }];
        })
        .sort((a, b) => a.endsAt - b.endsAt);
    },
  });

export const holdQuery = (hold: string) =>
  queryOptions({
    queryKey: ['hold', hold],
    queryFn: async () => timedHold(await calls.holds.get(hold)),
  });

export const orderQuery = (order: string) =>
  queryOptions({
    queryKey: ['order', order],
    queryFn: async () => timedOrder(await calls.orders.get(order)),
  });

export const ordersQuery = () =>
  infiniteQueryOptions({
    queryKey: ['orders'],
    queryFn: ({ pageParam }) => calls.orders.list(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });

export const ticketsQuery = (order: string) =>
  queryOptions({ queryKey: ['tickets', order], queryFn: () => calls.orders.tickets(order) });

export const emailsQuery = (order: string) =>
  queryOptions({ queryKey: ['emails', order], queryFn: () => calls.orders.emails(order) });

/** What is in the way of emails changes without the organizer's doing. */
export const undeliveredQuery = (event: string) =>
  queryOptions({
    queryKey: ['undelivered', event],
    queryFn: () => calls.events.undelivered(event),
    refetchInterval: 30_000,
  });

/** What became of the latest change of the plan; asked for again while it is under way. */
export const amendmentQuery = (event: string) =>
  queryOptions({
    queryKey: ['amendment', event],
    queryFn: () => amendments.latest(event),
    refetchInterval: ({ state }) => (state.data?.state === 'pending' ? 700 : false),
  });

export const fileQuery = (path: string) =>
  queryOptions({
    queryKey: ['file', path],
    queryFn: () => calls.files.fetch(path),
    staleTime: Infinity,
  });

export const salesQuery = (event: string) =>
  queryOptions({
    queryKey: ['sales', event],
    queryFn: () => calls.events.sales(event),
    // They come over a stream; this is for when it is cut.
    refetchInterval: 15_000,
  });
