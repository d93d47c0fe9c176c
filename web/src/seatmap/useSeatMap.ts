import { useEffect, useMemo } from 'react';
import type { EventInfo } from '@/api/types';
import { useHall, type Hall } from '@/lib/hall/useHall';
import { recallSelection, rememberSelection } from './selection';

export type SeatMap = Hall;

/** The event's map, with what this person had chosen of it before, and kept current while the component is there. */
export function useSeatMap(event: EventInfo) {
  const { hall, ...rest } = useHall(event);

  const map = useMemo((): SeatMap | null => {
    if (!hall) return null;
    const { count, gone } = hall.scene.geometry;
    hall.state.select(recallSelection(event).filter((seat) => seat < count && !gone[seat]));
    return hall;
  }, [hall, event.id]);

  useEffect(() => {
    if (!map) return undefined;
    return map.state.subscribe(() => rememberSelection(event, map.state.selected));
  }, [map, event.id]);

  return { map, ...rest };
}
