export interface GestureTarget {
  pan: (dx: number, dy: number) => void;
  zoom: (x: number, y: number, factor: number) => void;
  tap: (x: number, y: number, coarse: boolean) => void;
  hover: (x: number, y: number) => void;
  leave: () => void;
  fit: () => void;
}

const DRAG_FROM_PX = 6;
const WHEEL_SPEED = 0.0016;
const LINE_PX = 16;
const KEY_PAN_PX = 60;
const KEY_ZOOM = 1.4;

interface Pointer {
  x: number;
  y: number;
}

/** Turns mouse, wheel, touch and keys on the element into moves of the map. Returns the way to stop. */
export function listen(element: HTMLElement, target: GestureTarget): () => void {
  const pointers = new Map<number, Pointer>();
  const done = new AbortController();
  const { signal } = done;
  let start: Pointer | null = null;
  let dragging = false;

  const point = (event: MouseEvent): Pointer => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  const down = (event: PointerEvent) => {
    if (event.pointerType === 'mouse' && event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, point(event));
    start = pointers.size === 1 ? point(event) : null;
    dragging = pointers.size > 1;
  };

  const move = (event: PointerEvent) => {
    const now = point(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType === 'mouse') target.hover(now.x, now.y);
      return;
    }
    if (!dragging && start && Math.hypot(now.x - start.x, now.y - start.y) < DRAG_FROM_PX) return;
    dragging = true;
    target.leave();
    if (pointers.size === 1) {
      target.pan(now.x - before.x, now.y - before.y);
    } else {
      pinch(event.pointerId, before, now);
    }
    pointers.set(event.pointerId, now);
  };

  const pinch = (id: number, before: Pointer, now: Pointer) => {
    const other = [...pointers].find(([key]) => key !== id)?.[1];
    if (!other) return;
    const was = Math.hypot(before.x - other.x, before.y - other.y);
    const is = Math.hypot(now.x - other.x, now.y - other.y);
    target.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    if (was > 0) target.zoom((now.x + other.x) / 2, (now.y + other.y) / 2, is / was);
  };

  const up = (event: PointerEvent) => {
    const known = pointers.delete(event.pointerId);
    if (known && !dragging && start && event.type === 'pointerup') {
      target.tap(start.x, start.y, event.pointerType !== 'mouse');
    }
    if (pointers.size === 0) {
      start = null;
      dragging = false;
    }
  };

  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    const { x, y } = point(event);
    const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1);
    // A trackpad's pinch arrives as small wheel steps with the control key.
    target.zoom(x, y, Math.exp(-pixels * WHEEL_SPEED * (event.ctrlKey ? 5 : 1)));
  };

  const key = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { clientWidth, clientHeight } = element;
    const zoom = (factor: number) => target.zoom(clientWidth / 2, clientHeight / 2, factor);
    const actions: Record<string, () => void> = {
      ArrowLeft: () => target.pan(KEY_PAN_PX, 0),
      ArrowRight: () => target.pan(-KEY_PAN_PX, 0),
      ArrowUp: () => target.pan(0, KEY_PAN_PX),
      ArrowDown: () => target.pan(0, -KEY_PAN_PX),
      '+': () => zoom(KEY_ZOOM),
      '=': () => zoom(KEY_ZOOM),
      '-': () => zoom(1 / KEY_ZOOM),
      '0': () => target.fit(),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };

  element.addEventListener('pointerdown', down, { signal });
  element.addEventListener('pointermove', move, { signal });
  element.addEventListener('pointerup', up, { signal });
  element.addEventListener('pointercancel', up, { signal });
  element.addEventListener('pointerleave', () => target.leave(), { signal });
  element.addEventListener('wheel', wheel, { signal, passive: false });
  element.addEventListener('keydown', key, { signal });
  return () => done.abort();
}
