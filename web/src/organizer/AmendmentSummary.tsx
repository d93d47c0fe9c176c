import { useEffect, useRef } from 'react';
import type { AmendmentPreview, EventInfo } from '@/api/types';
import { count, counted } from '@/lib/words';
import { Notice } from '@/ui/Notice';

interface Props {
  event: EventInfo;
  preview: AmendmentPreview;
}

const kinds = [
  ['added', 'Added'],
  ['moved', 'Moved'],
  ['renamed', 'Renamed'],
  ['category', 'In another category'],
  ['removed', 'Removed'],
] as const;

const told: Record<string, string> = {
  added: 'added',
  moved: 'moved',
  renamed: 'renamed',
  category: 'another category',
  removed: 'removed',
};

/** What the plan changes, and whose seats are in the way. */
export function AmendmentSummary({ event, preview }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const { taken, changes } = preview;
  return (
    <>
      <h3 ref={heading} tabIndex={-1} className="font-semibold" data-testid="amend-told">
        {taken.length > 0
          ? `Somebody has ${counted(taken.length, 'seat')} that the plan changes`
          : `${counted(event.seats_total, 'seat')} now, ${count(preview.seats_total)} then`}
      </h3>
      {taken.length > 0 && (
        <Notice tone="bad" title="It can’t be changed like this">
          <ul className="list-disc pl-5" data-testid="amend-taken">
            {taken.map((one) => (
              <li key={one.seat_id}>{one.what_to_do}</li>
            ))}
          </ul>
        </Notice>
      )}
      <dl className="grid grid-cols-2 gap-2 text-sm sm:grid-cols-3" data-testid="amend-counts">
        {kinds.map(([kind, name]) => (
          <div key={kind}>
            <dt className="text-soft">{name}</dt>
            <dd className="font-semibold">{count(preview[kind])}</dd>
          </div>
        ))}
      </dl>
      {changes.length > 0 && (
        <details className="text-sm">
          <summary className="cursor-pointer py-2">Seat by seat</summary>
          <ul className="grid gap-1">
            {changes.map((one) => (
              <li key={one.seat_id} className="wrap-anywhere">
                {one.from_place ?? one.to_place}
                {one.from_place && one.to_place && one.from_place !== one.to_place
                  ? ` → ${one.to_place}`
                  : ''}{' '}
                <span className="text-soft">
                  ({one.kinds.map((kind) => told[kind]).join(', ')})
                </span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}
