import { useState } from 'react';

/** Why something is not there, also while it is tried again; null from its first answer on. */
export function useFailure<E>({ data, error }: { data: unknown; error: E | null }): E | null {
  const [before, setBefore] = useState<E | null>(null);
  const now = data === undefined ? (error ?? before) : null;
  if (now !== before) setBefore(now);
  return now;
}
