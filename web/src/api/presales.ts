import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { deadline } from '@/lib/time';
import { http } from './http';
import type { AccessCode, NewCodes, Page, Presale, PresaleDraft, Presales } from './types';

const id = encodeURIComponent;
const windows = (event: string) => `/events/${id(event)}/presales`;
const codesOf = (event: string, presale: string) => `${windows(event)}/${id(presale)}/codes`;

export const presales = {
  list: async (event: string) =>
    (await http.get<Presales>(windows(event), { anonymous: true })).data,
  add: async (event: string, draft: PresaleDraft) =>
    (await http.post<Presale>(windows(event), draft)).data,
  change: async (event: string, presale: string, change: Partial<PresaleDraft>) =>
    (await http.patch<Presale>(`${windows(event)}/${id(presale)}`, change)).data,
  codes: async (event: string, presale: string, cursor?: string) =>
    (await http.get<Page<AccessCode>>(codesOf(event, presale), { params: { cursor } })).data,
  addCodes: async (event: string, presale: string, codes: NewCodes) => {
    await http.post(codesOf(event, presale), codes);
  },
  revoke: async (event: string, presale: string, code: string) => {
    await http.delete(`${codesOf(event, presale)}/${id(code)}`);
  },
  csv: (event: string, presale: string) => `${codesOf(event, presale)}.csv`,
  mine: async (event: string) =>
    (await http.get<Presales>(`/events/${id(event)}/presale-access`)).data,
  use: async (event: string, code: string) => {
    await http.post(`/events/${id(event)}/presale-access`, { code });
  },
};

/** `opensAt` and `closesAt` are on this device's clock; a window without an end closes with the general sale. */
export type TimedPresale = Presale & { opensAt: number; closesAt: number };

function timed({ items, server_time: now }: Presales): TimedPresale[] {
  return items.map((window) => ({
    ...window,
    opensAt: deadline(window.opens_at, now),
    closesAt: window.closes_at === null ? Infinity : deadline(window.closes_at, now),
  }));
}

export const isOpenAt = (window: TimedPresale, now: number) =>
  window.opensAt <= now && now < window.closesAt;

export const presalesQuery = (event: string) =>
  queryOptions({
    queryKey: ['presales', event],
    queryFn: async () => timed(await presales.list(event)),
  });

/** The presales that the account has used an access code of. */
export const presaleAccessQuery = (event: string) =>
  queryOptions({
    queryKey: ['presale-access', event],
    queryFn: async () => timed(await presales.mine(event)),
  });

export const codesQuery = (event: string, presale: string) =>
  infiniteQueryOptions({
    queryKey: ['access-codes', event, presale],
    queryFn: ({ pageParam }) => presales.codes(event, presale, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
