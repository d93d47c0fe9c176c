const CHECK_MS = 1000;
const SPREAD_MS = 500;
const RESYNC_MS = 600_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const TICK_MS = 100;

/**
 * How long to wait before asking again whether a sale is open, in milliseconds. Everybody asks once in the last second
 * before it, which also corrects the clock, and once in the half second after it: never all at the same moment.
 */
export function pauseBeforeAsking(untilOpening: number, failures: number, random: number): number {
  if (failures > 0) {
    return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1)) * (0.5 + random / 2);
  }
  if (untilOpening > RESYNC_MS) return RESYNC_MS * (0.5 + random / 2);
  if (untilOpening > CHECK_MS) return untilOpening - CHECK_MS * random;
  return Math.max(0, untilOpening) + SPREAD_MS * random;
}

/**
 * Asks around the moment of opening until it is stopped. The device's clock is looked at often instead of setting one
 * long timer: a timer sleeps with the device, and longer than 24 days it fires at once.
 */
export function askAround(opensAt: number, ask: () => Promise<unknown>): () => void {
  let failures = 0;
  let asking = false;
  const plan = () => Date.now() + pauseBeforeAsking(opensAt - Date.now(), failures, Math.random());
  let askAt = plan();
  const look = async () => {
    if (asking || Date.now() < askAt) return;
    asking = true;
    try {
      await ask();
      failures = 0;
    } catch {
      // Whatever it was, the question stays open and is asked again, less and less often.
      failures += 1;
    }
    asking = false;
    askAt = plan();
  };
  const timer = setInterval(() => void look(), TICK_MS);
  return () => clearInterval(timer);
}
