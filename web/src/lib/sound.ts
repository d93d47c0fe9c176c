const TONE_SECONDS = 0.14;

let context: AudioContext | null = null;

/** Tones one after another and vibration, where the device has them. Browsers are silent before the first press. */
export function sound(hertz: readonly number[], vibration: number[]): void {
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
