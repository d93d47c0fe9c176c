import { sound } from '@/lib/sound';
import type { VerdictWords } from './verdict';

const tones: Record<VerdictWords['look'], { hertz: number[]; vibration: number[] }> = {
  go: { hertz: [880], vibration: [80] },
  stop: { hertz: [220, 180], vibration: [200, 80, 200] },
  wait: { hertz: [440, 440], vibration: [60, 60, 60] },
};

/** Each scan is noticed without looking. */
export function signal(look: VerdictWords['look']): void {
  const { hertz, vibration } = tones[look];
  sound(hertz, vibration);
}
