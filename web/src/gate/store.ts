import { createStore, entries, get, set, update, type UseStore } from 'idb-keyval';
import type { Checkin, CheckinRequest } from '@/api/types';

/**
 * What this device has admitted, in IndexedDB, so that it outlives a closed app. One record a ticket is both the memory of
 * the ticket and the scan that is still to be sent: the one is never there without the other.
 */
export interface Admission {
  ticketId: string;
  eventId: string;
  at: string;
  gate: string;
  scan: CheckinRequest;
  /** Decided by the server, still to be sent to it, or refused by it afterwards. */
  state: 'known' | 'queued' | 'refused';
  answer?: Checkin;
}

const ADMISSION = 'admission:';
const KEYS = 'keys';

// Opened at each use's first turn: a store may be asked for before there is a document.
let opened: { factory: IDBFactory; store: UseStore } | null = null;

function store(): UseStore {
  if (opened?.factory !== indexedDB) {
    opened = { factory: indexedDB, store: createStore('houseful-gate', 'gate') };
  }
  return opened.store;
}

const keyOf = (admission: Pick<Admission, 'ticketId'>) => ADMISSION + admission.ticketId;

/** Null if the ticket is admitted by this scan; else the earlier admission, unchanged. */
export async function admitOnce(admission: Admission): Promise<Admission | null> {
  const found: Admission[] = [];
  await update<Admission>(
    keyOf(admission),
    (known) => {
      if (known) found.push(known);
      return known ?? admission;
    },
    store(),
  );
  const earlier = found[0] ?? null;
  return isSameScan(earlier, admission) ? null : earlier;
}

const isSameScan = (earlier: Admission | null, now: Admission) =>
  earlier?.scan.scan_id === now.scan.scan_id;

export async function remember(admission: Admission): Promise<void> {
  await set(keyOf(admission), admission, store());
}

export async function admissions(): Promise<Admission[]> {
  const all = await entries<string, Admission>(store());
  return all.filter(([key]) => key.startsWith(ADMISSION)).map(([, admission]) => admission);
}

/** The house's public keys, as they were last heard. */
export async function knownKeys(): Promise<string[]> {
  return (await get<string[]>(KEYS, store())) ?? [];
}

export async function keepKeys(keys: string[]): Promise<void> {
  await set(KEYS, keys, store());
}
