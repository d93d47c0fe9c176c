import { useSyncExternalStore } from 'react';
import { dark, light, type Theme } from './theme';

const query = window.matchMedia('(prefers-color-scheme: dark)');

function subscribe(listener: () => void): () => void {
  query.addEventListener('change', listener);
  return () => query.removeEventListener('change', listener);
}

export function useMapTheme(): Theme {
  return useSyncExternalStore(subscribe, () => query.matches) ? dark : light;
}
