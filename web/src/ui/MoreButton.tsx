import type { ReactNode } from 'react';
import { Button } from './Button';

interface Props {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
  testId?: string;
  children: ReactNode;
}

/** The end of a list that goes on. */
export function MoreButton({ query, testId, children }: Props) {
  if (!query.hasNextPage) return null;
  return (
    <Button
      kind="secondary"
      className="justify-self-center"
      busy={query.isFetchingNextPage && 'Loading'}
      data-testid={testId}
      onClick={() => void query.fetchNextPage()}
    >
      {children}
    </Button>
  );
}
