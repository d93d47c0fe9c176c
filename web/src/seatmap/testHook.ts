import type { MapView } from './map/view';
import type { SeatState } from '@/lib/hall/state';

/**
 * What browser tests may ask of the map, read-only but for the view: pixels on a canvas cannot be found by a selector.
 * `screenPosition` is in CSS pixels from the top left corner of `[data-testid=seat-canvas]`.
 */
export interface SeatMapHook {
  screenPosition: (ordinal: number) => { x: number; y: number };
  zoomToSection: (sectionId: string) => void;
  zoomToSeat: (ordinal: number) => void;
  /** 0 available, 1 held, 2 sold, 3 blocked. */
  statusOf: (ordinal: number) => number;
  selected: () => number[];
  sections: () => { id: string; name: string; first: number; count: number; kind: string }[];
}

declare global {
  interface Window {
    __seatmap?: SeatMapHook;
  }
}

export function exposeHook(view: MapView, state: SeatState): () => void {
  const { sections } = state.geometry;
  window.__seatmap = {
    screenPosition: (ordinal) => view.screenPosition(ordinal),
    zoomToSection: (id) =>
      view.showSection(
        sections.findIndex((section) => section.id === id),
        false,
      ),
    zoomToSeat: (ordinal) => view.showSeats([ordinal], false),
    statusOf: (ordinal) => state.status[ordinal] ?? -1,
    selected: () => [...state.selected],
    sections: () =>
      sections.map(({ id, name, first, count, kind }) => ({ id, name, first, count, kind })),
  };
  return () => {
    delete window.__seatmap;
  };
}
