import { useState } from 'react';
import type { EventInfo } from '@/api/types';
import { FieldFrame, inputClass } from '@/ui/Field';
import type { DraftForm, Errors } from './draft';
import { MomentField } from './MomentField';

interface Props {
  event: EventInfo | undefined;
  defaults: DraftForm;
  timezone: string;
  errors: Errors;
}

type Mode = DraftForm['lineMode'];

const hints: Record<Mode, string> = {
  off: 'Whoever comes chooses at once. For more people than seats, draw a line.',
  on: 'Who joins in time has the same chance: the order is drawn when the sale opens. It needs the time above.',
  auto: 'Nobody sees a line until the shop is at its limit. Then people go in as they came.',
};

/** Whether buyers stand in a line, and when they may come. */
export function LineFields({ event, defaults, timezone, errors }: Props) {
  const [mode, setMode] = useState(defaults.lineMode);
  return (
    <>
      <FieldFrame
        label="How seats are sold"
        error={errors['line'] ?? errors['line.mode']}
        hint={hints[mode]}
      >
        {({ id, describedBy }) => (
          <select
            id={id}
            name="line.mode"
            value={mode}
            onChange={(changed) => setMode(changed.target.value as Mode)}
            aria-describedby={describedBy}
            className={inputClass}
            data-testid="line-mode"
          >
            <option value="off">To whoever comes first</option>
            <option value="on">By a line that is drawn</option>
            <option value="auto">By a line, when too many come at once</option>
          </select>
        )}
      </FieldFrame>
      {mode === 'on' && (
        <MomentField
          label="Lobby opens (optional)"
          name="line.lobby_opens_at"
          timezone={timezone}
          instant={event?.line.lobby_opens_at}
          defaultValue={defaults.lobbyOpensAt}
          error={errors['line.lobby_opens_at']}
          hint="At least two minutes before the sale opens. Empty: an hour before."
          testId="lobby-opens-at"
        />
      )}
    </>
  );
}
