import { useEffect, useRef } from 'react';
import { noBurst, pressed, scannedBy } from './burst';

/** A field that takes codes by itself. */
export const TAKES_CODES = 'data-takes-codes';

/** Calls `onScan` with what a hardware scanner reads, whatever has the focus; a field that had it is left as it was. */
export function useScanner(onScan: (code: string) => void): void {
  const latest = useRef(onScan);
  useEffect(() => {
    latest.current = onScan;
  });
  useEffect(() => {
    let burst = noBurst;
    const listen = (event: KeyboardEvent) => {
      const { target } = event;
      if (event.ctrlKey || event.metaKey || event.isComposing) return;
      if (target instanceof Element && target.hasAttribute(TAKES_CODES)) return;
      const field = target instanceof HTMLInputElement ? target : null;
      if (event.key !== 'Enter') {
        burst = pressed(burst, event.key, event.timeStamp, field?.value ?? null);
        return;
      }
      const code = scannedBy(burst, event.timeStamp);
      const { before } = burst;
      burst = noBurst;
      if (code === null) return;
      event.preventDefault();
      event.stopPropagation();
      if (field && before !== null) restore(field, before);
      latest.current(code);
    };
    window.addEventListener('keydown', listen, true);
    return () => window.removeEventListener('keydown', listen, true);
  }, []);
}

/** So that React hears of it, which looks at the prototype's setter. */
function restore(field: HTMLInputElement, value: string): void {
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set?.call(field, value);
  field.dispatchEvent(new Event('input', { bubbles: true }));
}
