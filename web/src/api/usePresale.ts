import { useQuery } from '@tanstack/react-query';
import { useNow } from '@/lib/useNow';
import { isOpenAt, presaleAccessQuery, presalesQuery } from './presales';
import { useSession } from './session';
import type { EventInfo } from './types';

/** What can be bought of an event before its general sale, and whether this account may buy now. */
export function usePresale(event: EventInfo) {
  const isBefore = event.state === 'scheduled';
  const status = useSession((session) => session.status);
  const all = useQuery({ ...presalesQuery(event.id), enabled: isBefore });
  const hasAny = isBefore && (all.data ?? []).length > 0;
  const access = useQuery({
    ...presaleAccessQuery(event.id),
    enabled: hasAny && status === 'signed-in',
  });
  const now = useNow(hasAny);
  const mine = hasAny && status === 'signed-in' ? (access.data ?? []) : [];
  const isUnknown =
    isBefore && (all.isPending || (hasAny && (status === 'starting' || access.isLoading)));
  return {
    windows: hasAny ? (all.data ?? []).filter((window) => now < window.closesAt) : [],
    mine,
    now,
    isOpen: mine.some((window) => isOpenAt(window, now)),
    isUnknown,
    error: isBefore ? (all.error ?? access.error) : null,
    retry: () => void (all.error ? all : access).refetch(),
  };
}
