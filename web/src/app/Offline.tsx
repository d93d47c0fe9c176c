import { WifiOff } from 'lucide';
import { useOnline } from '@/api/connection';
import { Icon } from '@/ui/Icon';

/** Said once, above every page, for as long as the server can't be reached. */
export function Offline() {
  const online = useOnline();
  return (
    <div role="status" data-testid="offline">
      {!online && (
        <p className="flex min-h-11 items-center justify-center gap-2 bg-warn-wash px-4 py-2 text-[0.9375rem] text-warn">
          <Icon of={WifiOff} className="size-4 shrink-0" />
          No connection. What you see may be out of date; it goes on by itself once the connection
          is back.
        </p>
      )}
    </div>
  );
}
