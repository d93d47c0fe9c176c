import { useCallback, useState, useSyncExternalStore } from 'react';
import type { EventInfo } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { counted } from '@/lib/words';
import { mostSeats, nameOf, priceOf } from './basket';
import { placesIn, suggest } from './map/best';
import type { SeatState } from '@/lib/hall/state';

export interface Said {
  text: string;
  tone: 'info' | 'warn';
}

/** What a person does to the selection, with the words that tell the outcome. */
export function usePicker(event: EventInfo, state: SeatState) {
  useSyncExternalStore(state.subscribe, state.getRevision);
  const [said, setSaid] = useState<Said | null>(null);
  const most = mostSeats(event);

  const toggle = useCallback(
    (ordinal: number) => {
      const { geometry } = state;
      const name = nameOf(geometry, ordinal);
      const selected = new Set(state.selected);
      if (selected.delete(ordinal)) {
        state.select(selected);
        setSaid({ text: `${name} removed.`, tone: 'info' });
      } else if (state.isMine(ordinal)) {
        setSaid({ text: `You hold ${name} already.`, tone: 'info' });
      } else if (!state.isFree(ordinal)) {
        setSaid({ text: `${name} is not available.`, tone: 'warn' });
      } else if (selected.size >= most) {
        setSaid({ text: `You can hold ${counted(most, 'seat')} at most.`, tone: 'warn' });
      } else {
        state.select(selected.add(ordinal));
        const price = formatMoney(priceOf(event, geometry, ordinal), event.currency);
        setSaid({ text: `${name} added, ${price}.`, tone: 'info' });
      }
    },
    [event, most, state],
  );

  const setStanding = useCallback(
    (section: number, quantity: number) => {
      const { geometry } = state;
      const here = [...state.selected].filter((ordinal) => geometry.section[ordinal] === section);
      const others = [...state.selected].filter((ordinal) => geometry.section[ordinal] !== section);
      if (quantity <= here.length) {
        state.select([...others, ...here.slice(0, quantity)]);
        return;
      }
      const room = Math.min(quantity, most - others.length) - here.length;
      const fresh = placesIn(state, section, room + here.length).filter(
        (ordinal) => !here.includes(ordinal),
      );
      state.select([...others, ...here, ...fresh.slice(0, Math.max(0, room))]);
    },
    [most, state],
  );

  /** Puts the best free seats into the selection instead of what was there; returns them. */
  const findBest = useCallback(
    (quantity: number, category: number | null): number[] => {
      const found = suggest(state, { quantity, category, section: null });
      if (found) {
        state.select(found.ordinals);
        setSaid(
          found.together || quantity === 1
            ? null
            : {
                text: `No ${counted(quantity, 'seat')} are free side by side; these are the nearest ones.`,
                tone: 'warn',
              },
        );
        return found.ordinals;
      }
      const { sections } = state.geometry;
      const standing = sections.findIndex(
        (section, index) =>
          section.kind === 'standing' &&
          (category === null || section.category === category) &&
          (state.available[index] ?? 0) >= quantity,
      );
      if (standing >= 0) {
        const places = placesIn(state, standing, quantity);
        state.select(places);
        setSaid(null);
        return places;
      }
      setSaid({
        text: `There are no ${counted(quantity, 'seat')} left for that choice.`,
        tone: 'warn',
      });
      return [];
    },
    [state],
  );

  const clear = useCallback(() => {
    state.select([]);
    setSaid(null);
  }, [state]);

  return { said, toggle, setStanding, findBest, clear };
}

export type Picker = ReturnType<typeof usePicker>;
