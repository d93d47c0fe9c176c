import { recall, remember } from '@/lib/tabMemory';

interface PlanOfEvent {
  id: string;
  plan_hash: string;
}

const key = (event: PlanOfEvent) => `houseful.selection.${event.id}.${event.plan_hash}`;

/** The chosen seats outlive a reload and the way to the sign-in page, in this tab only. */
export function rememberSelection(event: PlanOfEvent, ordinals: Iterable<number>): void {
  remember(key(event), [...ordinals]);
}

export function recallSelection(event: PlanOfEvent): number[] {
  const stored = recall(key(event));
  return Array.isArray(stored)
    ? stored.filter((item): item is number => Number.isInteger(item))
    : [];
}
