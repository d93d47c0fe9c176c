const HEADINGS = 'h1, h2, h3';

/** The first heading there says where one is now; without one the place itself has to do. */
export function focusOn(place: HTMLElement): void {
  const target = place.querySelector<HTMLElement>(HEADINGS) ?? place;
  if (!target.hasAttribute('tabindex')) target.tabIndex = -1;
  target.focus({ preventScroll: true });
}

function trailOf(element: HTMLElement, top: HTMLElement): HTMLElement[] {
  const trail: HTMLElement[] = [];
  for (let at: HTMLElement | null = element; at && at !== top; at = at.parentElement) {
    trail.push(at);
  }
  return trail;
}

/**
 * Keeps the focus where the person was. When what has it goes away, as the form of one step does when the next one
 * comes, the browser would drop it on the body, and a keyboard or a screen reader would be back at the top of the page;
 * it goes to the heading of what took its place.
 */
export function keepFocus(main: HTMLElement): () => void {
  let trail: HTMLElement[] = [];
  const isLost = () => document.activeElement === document.body && trail.length > 0;
  const stop = new AbortController();
  const { signal } = stop;
  document.addEventListener(
    'focusin',
    ({ target }) => {
      trail = target instanceof HTMLElement && main.contains(target) ? trailOf(target, main) : [];
    },
    { signal },
  );
  // Whoever lets go of it by pointing at nothing has not lost it.
  document.addEventListener(
    'click',
    () => {
      if (isLost() && trail[0]?.isConnected) trail = [];
    },
    { signal },
  );
  const observer = new MutationObserver(() => {
    if (!isLost() || trail[0]?.isConnected) return;
    const survivor = trail.find((place) => place.isConnected) ?? main;
    trail = [];
    focusOn(survivor);
  });
  observer.observe(main, { childList: true, subtree: true });
  return () => {
    stop.abort();
    observer.disconnect();
  };
}
