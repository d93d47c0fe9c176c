import { gate } from '@/api/gate';
import { ApiError } from '@/api/problem';
import type { GateList } from '@/api/types';
import { apply, pack, shortId, unpack, type Heard, type Listed } from './listed';
import { keep, kept } from './store';

interface Kept {
  next: string | null;
  at: number;
}

const LIST = 'list';
const POSITION = 'list-position';

interface Loaded extends Kept {
  /** Whose list it is: another store has another. */
  factory: IDBFactory;
  eventId: string;
  states: Map<string, Listed>;
}

let known: Loaded | null = null;

/** When the list was last heard; null where this device never had it. */
export async function listedAt(eventId: string): Promise<number | null> {
  const { at } = await load(eventId);
  return at > 0 ? at : null;
}

/** What it said of a ticket; null where this device never had the list. */
export async function heardOf(ticketId: string, eventId: string): Promise<Heard | null> {
  const { at, states } = await load(eventId);
  return at > 0 ? { at, state: states.get(shortId(ticketId)) ?? 'good' } : null;
}

async function load(eventId: string): Promise<Loaded> {
  if (known?.eventId !== eventId || known.factory !== indexedDB) {
    const position = await kept<Kept>(POSITION, eventId);
    const packed = position && (await kept<Uint8Array>(LIST, eventId));
    known = {
      factory: indexedDB,
      eventId,
      next: packed ? position.next : null,
      at: packed ? position.at : 0,
      states: packed ? unpack(packed) : new Map<string, Listed>(),
    };
  }
  return known;
}

/** Asks for what has changed, or for the whole list. Raises `ApiError`; what was heard until then is kept. */
export async function refreshList(eventId: string): Promise<void> {
  const list = await load(eventId);
  const at = Date.now();
  let changed = list.at === 0;
  for (;;) {
    const page = await nextPage(eventId, list);
    changed = apply(list.states, page) || changed;
    list.next = page.next;
    if (!page.more) break;
  }
  list.at = at;
  // The entries first: entries that come twice say the same, those that are skipped are missing for ever.
  if (changed) await keep(LIST, eventId, pack(list.states));
  await keep(POSITION, eventId, { next: list.next, at } satisfies Kept);
}

async function nextPage(eventId: string, list: Pick<Loaded, 'next' | 'states'>): Promise<GateList> {
  try {
    return await gate.list(eventId, list.next);
  } catch (error) {
    const isUnknown = error instanceof ApiError && error.status === 422 && list.next !== null;
    if (!isUnknown) throw error;
    list.states.clear(); // another version of the house: the list begins anew
    return await gate.list(eventId, null);
  }
}
