import { createStore, del, entries, get, promisifyRequest, set, type UseStore } from 'idb-keyval';
import type { Checkin, CheckinRequest } from '@/api/types';

/** Somebody who went through at this device. */
export interface Pass {
  scan: CheckinRequest;
  /** Decided by the server, still to be sent to it, or refused by it afterwards. */
  state: 'known' | 'queued' | 'refused';
  answer?: Checkin;
}

/**
 * What this device knows of a ticket, in IndexedDB, so that it outlives a closed app. One record a ticket is both the
 * memory of the ticket and the scans that are still to be sent: the one is never there without the other.
 */
export interface TicketRecord {
  ticketId: string;
  eventId: string;
  inside: boolean;
  /** Of the last pass. */
  at: string;
  gate: string;
  /** When the server last answered for this ticket, by this device's clock; 0 if it never did. */
  heardAt: number;
  passes: Pass[];
}

/** As it was written before there were check-outs. */
type FirstRecord = Pick<TicketRecord, 'ticketId' | 'eventId' | 'at' | 'gate'> & Pass;

const RECORD = 'admission:';
const KEYS = 'keys';

// Opened at each use's first turn: a store may be asked for before there is a document.
let opened: { factory: IDBFactory; store: UseStore } | null = null;

function store(): UseStore {
  if (opened?.factory !== indexedDB) {
    opened = { factory: indexedDB, store: createStore('houseful-gate', 'gate') };
  }
  return opened.store;
}

function current(kept: TicketRecord | FirstRecord): TicketRecord {
  if ('passes' in kept) return kept;
  const { scan, state, answer, ...rest } = kept;
  const pass: Pass = answer ? { scan, state, answer } : { scan, state };
  return { ...rest, inside: true, heardAt: 0, passes: [pass] };
}

/** Changes a ticket's record at once with reading it, whatever other tabs do; null leaves all as it is. */
export async function changeRecord(
  ticketId: string,
  change: (known: TicketRecord | null) => TicketRecord | null,
): Promise<void> {
  const key = RECORD + ticketId;
  await store()('readwrite', async (objects) => {
    const written = promisifyRequest(objects.transaction);
    const kept = (await promisifyRequest(objects.get(key))) as
      TicketRecord | FirstRecord | undefined;
    const changed = change(kept ? current(kept) : null);
    if (changed !== null) objects.put(changed, key);
    await written;
  });
}

export async function recordOf(ticketId: string): Promise<TicketRecord | null> {
  const kept = await get<TicketRecord | FirstRecord>(RECORD + ticketId, store());
  return kept ? current(kept) : null;
}

export async function records(): Promise<TicketRecord[]> {
  const all = await entries<string, TicketRecord | FirstRecord>(store());
  return all.filter(([key]) => key.startsWith(RECORD)).map(([, kept]) => current(kept));
}

/** The house's public keys, as they were last heard. */
export async function knownKeys(): Promise<string[]> {
  return (await get<string[]>(KEYS, store())) ?? [];
}

export async function keepKeys(keys: string[]): Promise<void> {
  await set(KEYS, keys, store());
}

/** What else is kept for one event, by a name. */
export async function kept<T>(name: string, eventId: string): Promise<T | undefined> {
  return await get<T>(`${name}:${eventId}`, store());
}

/** Forgets what has this name, for every event. */
export async function forget(name: string): Promise<void> {
  const all = await entries<string, unknown>(store());
  for (const [key] of all) if (key.startsWith(`${name}:`)) await del(key, store());
}

/** Keeps it, and forgets what has this name for other events. */
export async function keep(name: string, eventId: string, value: unknown): Promise<void> {
  const key = `${name}:${eventId}`;
  const all = await entries<string, unknown>(store());
  const others = all.filter(([other]) => other.startsWith(`${name}:`) && other !== key);
  for (const [other] of others) await del(other, store());
  await set(key, value, store());
}
