import { gate } from '@/api/gate';
import { useSession } from '@/api/session';
import type { GateName } from '@/api/types';
import { forget, keep, kept } from './store';
import type { GateEvent } from './verdict';

/** Names of buyers on this device: only when somebody asked for them, for one event, and not for longer than it needs. */
export interface Names {
  at: number;
  items: GateName[];
}

const NAMES = 'names';
const KEPT_HOURS = 48;
const HOUR_MS = 3_600_000;

// Who signs out leaves no names on the device.
useSession.subscribe(({ status }) => {
  if (status === 'anonymous') void forget(NAMES);
});

export async function keptNames(event: GateEvent): Promise<Names | null> {
  if (Date.now() > Date.parse(event.starts_at) + KEPT_HOURS * HOUR_MS) {
    await forget(NAMES);
    return null;
  }
  return (await kept<Names>(NAMES, event.id)) ?? null;
}

/** Raises `ApiError`; then what was kept before stays. */
export async function fetchNames(event: GateEvent): Promise<Names> {
  const at = Date.now();
  const items: GateName[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof gate.names>> = await gate.names(event.id, cursor);
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null);
  const names = { at, items };
  await keep(NAMES, event.id, names);
  return names;
}

export const forgetNames = () => forget(NAMES);
