import { useQuery } from '@tanstack/react-query';
import { Navigate } from '@tanstack/react-router';
import { useState, type ReactNode } from 'react';
import { leadsToLine, lineQuery, passQuery } from '@/api/line';
import { ApiError } from '@/api/problem';
import { useSession } from '@/api/session';
import { useFailure } from '@/lib/useFailure';
import { ErrorState } from '@/ui/ErrorState';
import { PageSkeleton } from '@/ui/Skeleton';

interface Props {
  eventId: string;
  children: ReactNode;
}

/** The seats of an event with a line are for whose number was called; whoever else comes is led to the line. */
export function PassGate({ eventId, children }: Props) {
  const status = useSession((session) => session.status);
  const pass = useQuery({
    ...passQuery(eventId),
    enabled: status === 'signed-in' || status === 'unreachable',
  });
  const error = useFailure(pass);
  // Who has a pass goes on choosing, whatever becomes of its renewal: a hold says what is the matter.
  if (pass.data) return children;
  if (status === 'anonymous' || (error instanceof ApiError && leadsToLine(error))) {
    return (
      <Navigate
        to="/events/$eventId/line"
        params={{ eventId }}
        search={{ from: 'seats' }}
        replace
      />
    );
  }
  if (!error) return <PageSkeleton />;
  return <ErrorState error={error} what="Your turn" onRetry={() => void pass.refetch()} repeats />;
}

/**
 * Where a line is there only when too many come. Who came in before it was stays: the hold says whether that takes a
 * pass by now.
 */
export function GateWhenAwake({ eventId, children }: Props) {
  const { data: line, error } = useQuery({ ...lineQuery(eventId), refetchOnWindowFocus: false });
  const isAwake = line && line.phase !== 'closed';
  const [isIn, setIsIn] = useState(false);
  if (!isIn && ((line && !isAwake) || error)) setIsIn(true);
  if (isIn) return children;
  return isAwake ? <PassGate eventId={eventId}>{children}</PassGate> : <PageSkeleton />;
}
