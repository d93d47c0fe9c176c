import { useEffect, useState } from 'react';
import { sound } from '@/lib/sound';
import { Button } from '@/ui/Button';

const RING_HERTZ = [660, 880, 660, 880, 660, 880];
const SAMPLE_HERTZ = [660, 880];

/** Whether somebody wants to hear when it is the turn, and the sound when it comes. */
export function useBell(isTurn: boolean) {
  const [isOn, setIsOn] = useState(false);
  useEffect(() => {
    if (isTurn && isOn) sound(RING_HERTZ, [200, 100, 200, 100, 200]);
  }, [isTurn, isOn]);
  return { isOn, setIsOn };
}

/** It can be heard at once, so that nobody relies on a device that is muted. */
export function Bell({ isOn, setIsOn }: ReturnType<typeof useBell>) {
  const press = () => {
    if (!isOn) sound(SAMPLE_HERTZ, [100]);
    setIsOn(!isOn);
  };
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
      <Button kind="secondary" aria-pressed={isOn} onClick={press} data-testid="bell">
        {isOn && <span aria-hidden>✓</span>}
        Ring when it is my turn
      </Button>
      {isOn && <p className="text-sm text-soft">That was its sound. Keep this page open for it.</p>}
    </div>
  );
}
