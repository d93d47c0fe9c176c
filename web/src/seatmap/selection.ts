import { recall, remember } from '@/lib/tabMemory';

interface SomeEvent {
  id: string;
}

/** A seat's ordinal stays its own, whatever becomes of the plan. */
const key = (event: SomeEvent) => `houseful.selection.${event.id}`;

/** The chosen seats outlive a reload and the way to the sign-in page, in this tab only. */
export function rememberSelection(event: SomeEvent, ordinals: Iterable<number>): void {
  remember(key(event), [...ordinals]);
}

export function recallSelection(event: SomeEvent): number[] {
  const stored = recall(key(event));
  return Array.isArray(stored)
    ? stored.filter((item): item is number => Number.isInteger(item))
    : [];
}
