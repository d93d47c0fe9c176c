/** What this tab remembers over a reload. A browser may refuse to remember, or have kept something else: then nothing is. */
export function remember(key: string, value: unknown): void {
  try {
    if (value === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Private windows and full disks: the page works, it only forgets.
  }
}

export function recall(key: string): unknown {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? 'null');
  } catch {
    return null;
  }
}
