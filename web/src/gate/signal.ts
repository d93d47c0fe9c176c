import { sound } from '@/lib/sound';
import type { Look } from './verdict';

const tones: Record<Look, { hertz: number[]; vibration: number[] }> = {
  go: { hertz: [880], vibration: [80] },
  out: { hertz: [660, 440], vibration: [80, 60, 80] },
  stop: { hertz: [220, 180], vibration: [200, 80, 200] },
  wait: { hertz: [440, 440], vibration: [60, 60, 60] },
};

/** Each scan is noticed without looking. */
export function signal(look: Look): void {
  const { hertz, vibration } = tones[look];
  sound(hertz, vibration);
}
