import { useCallback, useState } from 'react';
import { ApiError } from '@/api/problem';

/** Something that is asked of the server, and may be asked again: whether it is under way, and why it failed last. */
export function useAttempt() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const attempt = useCallback(
    async (work: () => Promise<void>, onRefused?: (refused: ApiError) => void) => {
      setBusy(true);
      setError(null);
      try {
        await work();
      } catch (problem) {
        if (!(problem instanceof ApiError)) throw problem;
        setError(problem);
        onRefused?.(problem);
      } finally {
        setBusy(false);
      }
    },
    [],
  );
  const forget = useCallback(() => setError(null), []);
  return { busy, error, attempt, forget };
}
