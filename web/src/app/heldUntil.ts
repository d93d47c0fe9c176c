const KEY = 'houseful.held-until';

/**
 * When the last of the seats that were held here runs out, in milliseconds; 0 for none. The server knows better, but
 * only later: until it says so, the banner's place is kept, and nothing moves when the banner comes.
 */
export function heldUntil(): number {
  try {
    return Number(localStorage.getItem(KEY) ?? 0);
  } catch {
    // A browser may refuse to remember; then the banner pushes the page down when it comes.
    return 0;
  }
}

export function rememberHeldUntil(endsAt: number | null): void {
  try {
    if (endsAt === null) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, String(endsAt));
  } catch {
    // As above.
  }
}
