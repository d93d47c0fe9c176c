/** Beyond this the device's clock was set, or the server's: nothing before counts any more. */
const JUMP_MS = 60_000;

/**
 * By how much the server's clock is ahead of this device's. Answers arrive late or come from a cache, and then say
 * too little; so the greatest that was seen is the best, and a countdown never jumps back.
 */
export function clockAhead(serverTime: string, now: number, before: number | null): number {
  const ahead = Date.parse(serverTime) - now;
  return before !== null && Math.abs(before - ahead) < JUMP_MS ? Math.max(before, ahead) : ahead;
}
