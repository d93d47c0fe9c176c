import { useRouter } from '@tanstack/react-router';
import { useEffect, type ReactNode } from 'react';
import { restoreSession } from '@/api/http';
import { ApiError } from '@/api/problem';
import { hasRole, useSession } from '@/api/session';
import type { Role } from '@/api/types';
import { ErrorState } from './ErrorState';
import { PageSkeleton } from './Skeleton';

interface Props {
  /** Any of these suffices; none means every signed-in person. */
  roles?: Role[];
  /** Also while nobody can say whose session it is, for what works without a network. */
  evenUnreachable?: boolean;
  children: ReactNode;
}

export function RequireSession({ roles, evenUnreachable = false, children }: Props) {
  const { status, user } = useSession();
  if (status === 'starting') return <PageSkeleton />;
  if (status === 'unreachable') {
    if (evenUnreachable) return children;
    return (
      <ErrorState
        error={new ApiError(0, {})}
        what="Your account"
        onRetry={() => void restoreSession()}
      />
    );
  }
  if (status === 'anonymous') return <ToSignIn />;
  if (roles && !hasRole(user, ...roles)) {
    const others = roles.filter((role) => role !== 'admin');
    const whose = others.length === 0 ? 'administrators' : `${others.join(' and ')} accounts`;
    const detail = `This part is for ${whose}. Ask an administrator for the role.`;
    return <ErrorState error={new ApiError(403, { detail })} what="This page" />;
  }
  return children;
}

/** Once, with the address that was asked for: while the sign-in page loads, the current address is already its own. */
function ToSignIn() {
  const router = useRouter();
  useEffect(() => {
    const next = router.state.location.href;
    void router.navigate({ to: '/sign-in', search: { next }, replace: true });
  }, [router]);
  return <PageSkeleton />;
}
