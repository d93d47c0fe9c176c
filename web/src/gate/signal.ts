import type { VerdictWords } from './verdict';

const tones: Record<VerdictWords['look'], { hertz: number[]; vibration: number[] }> = {
  go: { hertz: [880], vibration: [80] },
  stop: { hertz: [220, 180], vibration: [200, 80, 200] },
  wait: { hertz: [440, 440], vibration: [60, 60, 60] },
};
const TONE_SECONDS = 0.14;

let context: AudioContext | null = null;

/** Sound and vibration, where the device has them: each scan is noticed without looking. */
export function signal(look: VerdictWords['look']): void {
  const { hertz, vibration } = tones[look];
  if ('vibrate' in navigator) navigator.vibrate(vibration);
  if (typeof AudioContext === 'undefined') return;
  context ??= new AudioContext();
  const begin = context.currentTime;
  for (const [index, pitch] of hertz.entries()) {
    const tone = new OscillatorNode(context, { frequency: pitch });
    const volume = new GainNode(context, { gain: 0.2 });
    tone.connect(volume).connect(context.destination);
    tone.start(begin + index * TONE_SECONDS * 1.3);
    tone.stop(begin + index * TONE_SECONDS * 1.3 + TONE_SECONDS);
  }
}
