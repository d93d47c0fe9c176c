import { cx } from '@/lib/cx';

/** The outline of what is on its way. It appears late, so fast answers do not flicker. */
export function Skeleton({ className, label }: { className?: string; label?: string }) {
  return (
    <div
      data-outline
      role={label ? 'status' : undefined}
      className={cx('animate-late rounded-md bg-sunk', className)}
    >
      {label && <span className="sr-only">{label}</span>}
    </div>
  );
}

export function PageSkeleton() {
  return (
    <div className="mx-auto grid w-full max-w-6xl gap-6 px-4 py-10 md:px-8">
      <Skeleton label="Loading" className="h-12 w-2/3 max-w-md" />
      <Skeleton className="h-64" />
      <Skeleton className="h-24" />
    </div>
  );
}
