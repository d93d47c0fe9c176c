import { useRouter } from '@tanstack/react-router';
import { useCallback, useEffect, useState } from 'react';
import { isReachable, useOnline } from '@/api/connection';
import { ApiError } from '@/api/problem';
import { Button } from '@/ui/Button';
import { ErrorState } from '@/ui/ErrorState';
import { PageSkeleton } from '@/ui/Skeleton';
import { NotLoaded } from './NotLoaded';
import { mayReload, mayRetry, takeNewest } from './version';

interface Props {
  error: unknown;
  reset: () => void;
}

export function PageError({ error, reset }: Props) {
  if (error instanceof NotLoaded) return <Missing reset={reset} />;
  return <ErrorState error={error} what="This page" onRetry={reset} />;
}

/**
 * Without a network it is tried again once that is back. With one it is tried once more; then the server has a newer
 * app than this one.
 */
function Missing({ reset }: { reset: () => void }) {
  const router = useRouter();
  const online = useOnline();
  const [found, setFound] = useState<'asking' | 'away' | 'newer'>('asking');

  const again = useCallback(() => {
    void router.invalidate().then(reset);
  }, [reset, router]);

  useEffect(() => {
    let gone = false;
    void isReachable().then((reachable) => {
      if (gone) return;
      if (reachable && mayRetry()) again();
      else if (reachable && mayReload()) takeNewest();
      else setFound(reachable ? 'newer' : 'away');
    });
    return () => {
      gone = true;
    };
  }, [again]);
  useEffect(() => {
    if (online && found === 'away') again();
  }, [again, found, online]);

  if (found === 'asking') return <PageSkeleton />;
  if (found === 'away') {
    return <ErrorState error={new ApiError(0, {})} what="This page" onRetry={again} />;
  }
  return (
    <section role="alert" className="mx-auto grid w-full max-w-lg gap-3 px-4 py-16">
      <h1 className="display text-4xl">There is a new version</h1>
      <p className="text-soft">This page belongs to an older one. Reload it to go on.</p>
      <Button className="mt-3 justify-self-start" onClick={takeNewest}>
        Reload
      </Button>
    </section>
  );
}
