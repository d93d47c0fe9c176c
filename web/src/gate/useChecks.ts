import { useCallback, useRef, useState } from 'react';
import * as calls from '@/api/calls';
import { randomId } from '@/api/intent';
import { ApiError } from '@/api/problem';
import { counted } from '@/lib/words';
import type { Verdict } from './verdict';

interface Place {
  gate: string;
  eventId: string;
}

function why(error: ApiError): string {
  if (error.status === 0) return 'The server did not answer.';
  if (error.status === 429) {
    return `Too many checks at once. Try again in ${counted(error.retryAfterSeconds ?? 5, 'second')}.`;
  }
  return error.message;
}

/** Sends codes to the server one after the other. A repeated attempt keeps its scan id, so it cannot admit twice. */
export function useChecks({ gate, eventId }: Place) {
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const [checking, setChecking] = useState(false);
  const [admitted, setAdmitted] = useState(0);
  const queue = useRef(Promise.resolve());

  const send = useCallback(
    async (code: string, scanId: string, scannedAt: string) => {
      setChecking(true);
      try {
        const checkin = await calls.gate.check({
          code,
          gate,
          scan_id: scanId,
          scanned_at: scannedAt,
          ...(eventId ? { event_id: eventId } : {}),
        });
        setVerdict({ kind: 'answer', checkin, at: scannedAt });
        if (checkin.result === 'admitted') setAdmitted((count) => count + 1);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        setVerdict({ kind: 'unchecked', code, scanId, scannedAt, why: why(error) });
      } finally {
        setChecking(false);
      }
    },
    [eventId, gate],
  );

  const check = useCallback(
    (code: string, scanId = randomId(), scannedAt = new Date().toISOString()) => {
      // A hardware scanner can be faster than the answer.
      queue.current = queue.current.then(() => send(code, scanId, scannedAt));
    },
    [send],
  );

  return { check, verdict, checking, admitted };
}
