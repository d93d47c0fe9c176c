import { useRef, useState, type SubmitEvent } from 'react';
import { formatMoment } from '@/lib/time';
import { cx } from '@/lib/cx';
import { useTitle } from '@/lib/useTitle';
import { counted } from '@/lib/words';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { RequireSession } from '@/ui/RequireSession';
import { Doors } from './Doors';
import { Names } from './Names';
import { Override } from './Override';
import { GateSetup } from './GateSetup';
import { Camera } from './Camera';
import { HouseConflicts, OwnConflicts } from './Conflicts';
import { DirectionChoice } from './DirectionChoice';
import {
  storedDirection,
  storedPlace,
  storeDirection,
  storePlace,
  type Direction,
} from './settings';
import { useGate } from './useGate';
import { TAKES_CODES, useScanner } from './useScanner';
import { VerdictView, screenColors } from './VerdictView';
import type { Place } from './verdict';

export function GatePage() {
  useTitle('Gate');
  return (
    // A device that was set up goes on when it is opened again without a network.
    <RequireSession
      roles={['gate', 'organizer', 'admin']}
      evenUnreachable={storedPlace()?.event != null}
    >
      <Gate />
    </RequireSession>
  );
}

function Gate() {
  const [place, setPlace] = useState(storedPlace);
  const [settingUp, setSettingUp] = useState(place === null);
  const done = (chosen: Place) => {
    storePlace(chosen);
    setPlace(chosen);
    setSettingUp(false);
  };
  if (place === null) return <GateSetup now={null} onDone={done} />;
  return <Scanning place={place} settingUp={settingUp} onSetUp={setSettingUp} onDone={done} />;
}

interface ScanningProps {
  place: Place;
  settingUp: boolean;
  onSetUp: (open: boolean) => void;
  onDone: (place: Place) => void;
}

function Scanning({ place, settingUp, onSetUp, onDone }: ScanningProps) {
  const [direction, setDirection] = useState(storedDirection);
  const gate = useGate(place, direction);
  const turn = (chosen: Direction) => {
    storeDirection(chosen);
    setDirection(chosen);
  };
  useScanner((code) => {
    if (!settingUp) gate.scanned(code);
  });
  if (settingUp) return <GateSetup now={place} onDone={onDone} />;
  return (
    <div
      className={cx('flex min-h-0 grow flex-col overflow-y-auto', screenColors(gate.shown))}
      data-testid="gate-screen"
      data-shown={gate.shown.kind}
    >
      <h1 className="sr-only">Gate check-in</h1>
      <div className="flex grow flex-col justify-center px-4 py-8 md:px-12">
        <VerdictView shown={gate.shown} behind={gate.behind} direction={direction} />
      </div>
      <div className="border-t border-line bg-paper px-4 py-4 text-ink md:px-12 md:py-6">
        <div className="mx-auto grid max-w-4xl gap-4">
          <Override shown={gate.shown} onOverride={gate.scanned} />
          <OwnConflicts refused={gate.refused} />
          {gate.figures && (
            <>
              <HouseConflicts conflicts={gate.figures.conflicts} />
              <Doors figures={gate.figures} />
            </>
          )}
          <DirectionChoice direction={direction} onChange={turn} />
          <Camera onCode={gate.scanned} />
          {place.event && (
            <Names
              key={place.event.id}
              event={place.event}
              direction={direction}
              onPerson={(ticketId) => gate.scanned(ticketId, { by_name: true })}
            />
          )}
          <TypedCode onCode={gate.scanned} />
          <div className="flex flex-wrap items-center gap-x-6 gap-y-2 text-sm">
            <p className="grow">
              <span className="font-semibold">{place.gate}</span> ·{' '}
              <span data-testid="gate-place">
                {place.event
                  ? `${place.event.title}, ${formatMoment(place.event.starts_at, place.event.timezone)}`
                  : 'Any event'}
              </span>
            </p>
            <p className="text-soft" data-testid="gate-admitted">
              {counted(gate.admitted, 'person', 'people')} admitted here
            </p>
            {gate.queued > 0 && (
              <p className="font-semibold text-bad" data-testid="gate-queued">
                {counted(gate.queued, 'scan')} to be sent
              </p>
            )}
            {gate.listedAt !== null && !gate.silent && (
              <p className="sr-only" data-testid="gate-listed">
                This device can check without a network.
              </p>
            )}
            {gate.silent && (
              <p className="font-semibold text-bad" data-testid="gate-silent">
                No network.{' '}
                {gate.listedAt === null
                  ? 'This device has no list of used tickets.'
                  : `List of ${new Date(gate.listedAt).toLocaleTimeString()}.`}
              </p>
            )}
            {gate.problem && (
              <p className="basis-full font-semibold text-bad" data-testid="gate-problem">
                {gate.problem}
              </p>
            )}
            <Button kind="secondary" onClick={() => onSetUp(true)} data-testid="gate-change">
              Change
            </Button>
          </div>
        </div>
      </div>
    </div>
  );
}

function TypedCode({ onCode }: { onCode: (code: string) => void }) {
  const field = useRef<HTMLInputElement>(null);
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const input = field.current;
    const code = input?.value.trim();
    if (!input || !code) return;
    input.value = '';
    onCode(code);
  };
  return (
    <form onSubmit={submit} className="flex items-end gap-3">
      <div className="grow">
        <Field
          ref={field}
          label="Ticket code"
          name="code"
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          enterKeyHint="go"
          placeholder="Scan, or type and press Enter"
          data-testid="gate-code"
          {...{ [TAKES_CODES]: '' }}
        />
      </div>
      <Button type="submit" data-testid="gate-check">
        Check
      </Button>
    </form>
  );
}
