import { Button } from '@/ui/Button';
import { takeNewest, useWaitingVersion } from './version';

/** An offer, not a reload: somebody may be filling in a form. */
export function NewVersion() {
  const waits = useWaitingVersion(({ worker }) => worker !== null);
  return (
    <div role="status" data-testid="new-version">
      {waits && (
        <p className="flex min-h-11 flex-wrap items-center justify-center gap-x-3 bg-sunk px-4 text-[0.9375rem]">
          There is a new version of this app.
          <Button kind="plain" onClick={takeNewest}>
            Reload
          </Button>
        </p>
      )}
    </div>
  );
}
