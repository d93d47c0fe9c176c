import { useCallback, useEffect, useReducer, useState } from 'react';
import { randomId } from '@/api/intent';
import { check, prepareOffline } from './check';
import { current, gate, idle } from './machine';
import { signal } from './signal';
import { admissions, type Admission } from './store';
import { sendQueued } from './sync';
import { wordsOf, type Place } from './verdict';

const READ_MS = 1200;
const SEND_AGAIN_MS = 10_000;

/** The gate's screen for one place: what is shown, and what this device has admitted there. */
export function useGate(place: Place) {
  const [state, dispatch] = useReducer(gate, idle);
  const { here, refresh } = useAdmissions();
  const checked = current(state);

  useEffect(() => {
    if (!checked) return;
    let left = false;
    void check(checked.scan).then(async (verdict) => {
      await refresh();
      if (left) return;
      signal(wordsOf(verdict).look);
      dispatch({ type: 'decided', number: checked.number, verdict });
    });
    return () => {
      left = true;
    };
  }, [checked, refresh]);

  const hasNext = state.shown.kind === 'verdict' && state.waiting.length > 0;
  useEffect(() => {
    if (!hasNext) return;
    const timer = setTimeout(() => dispatch({ type: 'seen' }), READ_MS);
    return () => clearTimeout(timer);
  }, [hasNext]);

  const eventId = place.event?.id;
  const scanned = useCallback(
    (code: string) =>
      dispatch({
        type: 'scanned',
        scan: {
          code,
          gate: place.gate,
          scan_id: randomId(),
          scanned_at: new Date().toISOString(),
          ...(eventId === undefined ? {} : { event_id: eventId }),
        },
      }),
    [eventId, place.gate],
  );

  const mine = here.filter((one) => eventId === undefined || one.eventId === eventId);
  return {
    shown: state.shown,
    behind: Math.max(0, state.waiting.length - 1),
    scanned,
    admitted: mine.filter((one) => one.state !== 'refused').length,
    queued: here.filter((one) => one.state === 'queued').length,
    refused: mine.filter((one) => one.state === 'refused'),
  };
}

/** The device's admissions; what is queued is sent as soon as the server answers. */
function useAdmissions() {
  const [here, setHere] = useState<Admission[]>([]);
  const refresh = useCallback(async () => setHere(await admissions()), []);

  useEffect(() => {
    let sending = false;
    const send = async () => {
      if (sending) return;
      sending = true;
      try {
        await prepareOffline();
        await sendQueued();
        await refresh();
      } finally {
        sending = false;
      }
    };
    const now = () => void send();
    now();
    window.addEventListener('online', now);
    const timer = setInterval(now, SEND_AGAIN_MS);
    return () => {
      window.removeEventListener('online', now);
      clearInterval(timer);
    };
  }, [refresh]);

  return { here, refresh };
}
