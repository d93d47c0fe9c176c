import { create } from 'zustand';

const RELOADED = 'houseful.reloaded';
const ONCE_MS = 60_000;
const RETRIED_MS = 10_000;

/** A newer version of the app that is already here and waits to take over. */
export const useWaitingVersion = create<{ worker: ServiceWorker | null }>(() => ({ worker: null }));

function watch(registration: ServiceWorkerRegistration): void {
  const look = () => {
    // Without a controller this is the first version that this browser keeps: nothing is replaced.
    if (registration.waiting && navigator.serviceWorker.controller) {
      useWaitingVersion.setState({ worker: registration.waiting });
    }
  };
  look();
  registration.addEventListener('updatefound', () => {
    registration.installing?.addEventListener('statechange', look);
  });
}

/**
 * Keeps the whole app in the browser once its first page is there, so that every other page comes without a network too.
 * A version that is open goes on with its own files until the person reloads.
 */
export function keepApp(): void {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  window.addEventListener('load', () => {
    navigator.serviceWorker.register('/sw.js').then(watch, (error: unknown) => {
      // Private windows and full disks have none; the app works, but for being without a network.
      console.info('The app is not kept for use without a network.', error);
    });
  });
}

/** Goes on with the newest version there is. */
export function takeNewest(): void {
  const { worker } = useWaitingVersion.getState();
  if (!worker) {
    window.location.reload();
    return;
  }
  navigator.serviceWorker.addEventListener('controllerchange', () => window.location.reload(), {
    once: true,
  });
  worker.postMessage({ type: 'SKIP_WAITING' });
}

let retriedAt = -Infinity;

/** True once in a while: what fails twice in a row did not fail because the network was gone for a moment. */
export function mayRetry(now = performance.now()): boolean {
  if (now - retriedAt < RETRIED_MS) return false;
  retriedAt = now;
  return true;
}

/** True once in a while: a reload that did not help is not repeated without asking. */
export function mayReload(now = Date.now()): boolean {
  try {
    const last = Number(sessionStorage.getItem(RELOADED) ?? 0);
    if (now - last < ONCE_MS) return false;
    sessionStorage.setItem(RELOADED, String(now));
    return true;
  } catch {
    // Without a memory nobody knows whether this is the first time.
    return false;
  }
}
