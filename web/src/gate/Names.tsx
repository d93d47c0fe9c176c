import { useEffect, useMemo, useRef, useState } from 'react';
import { ApiError } from '@/api/problem';
import { counted } from '@/lib/words';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Notice } from '@/ui/Notice';
import { fetchNames, forgetNames, keptNames, type Names as Kept } from './keptNames';
import { found, MOST_FOUND, personOf } from './people';
import type { Direction } from './settings';
import type { GateEvent } from './verdict';

interface Props {
  event: GateEvent;
  direction: Direction;
  onPerson: (ticketId: string) => void;
}

/** For who has no ticket at hand: found by name, also without a network. */
export function Names({ event, direction, onPerson }: Props) {
  const [open, setOpen] = useState(false);
  const place = useRef<HTMLDivElement>(null);
  const close = () => {
    setOpen(false);
    place.current?.querySelector('button')?.focus();
  };
  return (
    <div ref={place} className="grid gap-3">
      <Button
        kind="secondary"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        data-testid="gate-names"
      >
        List of names
      </Button>
      {open && (
        <Search
          event={event}
          direction={direction}
          onPerson={(ticketId) => {
            close();
            onPerson(ticketId);
          }}
          onForget={close}
        />
      )}
    </div>
  );
}

function Search({ event, direction, onPerson, onForget }: Props & { onForget: () => void }) {
  const [names, setNames] = useState<Kept | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [text, setText] = useState('');
  const people = useMemo(() => (names?.items ?? []).map(personOf), [names]);
  const matches = found(people, text);

  useEffect(() => {
    let left = false;
    const show = (loaded: Kept | null) => {
      if (!left && loaded) setNames(loaded);
    };
    void keptNames(event).then(async (known) => {
      show(known);
      try {
        show(await fetchNames(event));
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (!left && !known) setProblem(error.message);
      }
    });
    return () => {
      left = true;
    };
  }, [event]);

  return (
    <section aria-label="List of names" className="grid gap-3">
      {problem && <Notice tone="warn">The list of names is not on this device. {problem}</Notice>}
      <Field
        label="Buyer's name"
        value={text}
        autoComplete="off"
        spellCheck={false}
        onChange={(change) => setText(change.target.value)}
        data-testid="gate-name-search"
      />
      <p role="status" className="text-sm text-soft" data-testid="gate-names-found">
        {summary(names, text, matches.length)}
      </p>
      <ul className="grid gap-2">
        {matches.map((person) => (
          <li
            key={person.ticket_id}
            className="flex items-center gap-3 border-t border-line pt-2 wrap-anywhere"
          >
            <span className="grow">
              <span className="font-semibold">{person.name}</span>
              <br />
              <span className="text-sm">{person.seat}</span>
            </span>
            <Button
              kind="secondary"
              aria-label={`${acts[direction]} ${person.name}, ${person.seat}`}
              onClick={() => onPerson(person.ticket_id)}
            >
              {acts[direction]}
            </Button>
          </li>
        ))}
      </ul>
      {names && (
        <Button
          kind="secondary"
          onClick={() => void forgetNames().then(onForget)}
          data-testid="gate-names-forget"
        >
          Take the names off this device
        </Button>
      )}
    </section>
  );
}

const acts: Record<Direction, string> = { in: 'Let in', out: 'Check out' };

function summary(names: Kept | null, text: string, matches: number): string {
  if (!names) return 'Fetching the list…';
  const time = new Date(names.at).toLocaleTimeString();
  if (!text.trim()) return `${counted(names.items.length, 'ticket')}, list of ${time}`;
  if (matches === MOST_FOUND) return `The first ${String(MOST_FOUND)}: type more of the name`;
  return `${counted(matches, 'ticket')} found`;
}
