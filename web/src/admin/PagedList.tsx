import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { ErrorState } from '@/ui/ErrorState';
import { MoreButton } from '@/ui/MoreButton';
import { Skeleton } from '@/ui/Skeleton';

interface Props<T> {
  query: UseInfiniteQueryResult<InfiniteData<{ items: T[] }>>;
  /** What the list is of, as the start of a sentence: "The users". */
  what: string;
  /** Shown where there is nothing. */
  nothing: ReactNode;
  testId: string;
  idOf: (item: T) => string;
  children: (item: T) => ReactNode;
}

/** A list that comes in pages, and each state that it may be in. A page may be empty and yet go on. */
export function PagedList<T>({ query, what, nothing, testId, idOf, children }: Props<T>) {
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  if (query.error && items.length === 0) {
    return <ErrorState error={query.error} what={what} onRetry={() => void query.refetch()} />;
  }
  if (query.isPending) return <Skeleton label="Loading" className="h-40" />;
  if (items.length === 0 && !query.hasNextPage) {
    return (
      <div
        role="status"
        data-testid={`no-${testId}`}
        className="border-t border-line py-8 text-soft"
      >
        {nothing}
      </div>
    );
  }
  return (
    <div className="grid gap-6">
      <ul className="divide-y divide-line border-y border-line">
        {items.map((item) => (
          <li key={idOf(item)} data-testid={testId} className="py-4 wrap-anywhere">
            {children(item)}
          </li>
        ))}
      </ul>
      <MoreButton query={query} testId={`more-${testId}`}>
        More
      </MoreButton>
      {query.error && (
        <p role="alert" className="text-sm text-bad">
          {what} could not be loaded any further. Try again in a moment.
        </p>
      )}
    </div>
  );
}
