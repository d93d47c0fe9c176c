import { hash } from '@/lib/hash';

export interface PosterStyle {
  background: string;
  text: string;
  accent: string;
  motif: number;
  seed: number;
}

/** Background, text on it (4.5:1 at least) and an accent for the motif. */
const palettes = [
  ['#d5002c', '#ffffff', '#ffb000'],
  ['#0b3d91', '#ffffff', '#ffd23f'],
  ['#ffc400', '#14161a', '#d7263d'],
  ['#00573f', '#ffffff', '#ff8a5b'],
  ['#5b2a86', '#ffffff', '#f7b32b'],
  ['#ff6b35', '#14161a', '#23395b'],
  ['#1b1d22', '#ffffff', '#ff3d57'],
  ['#19a7a8', '#14161a', '#ffe169'],
  ['#f4a6c0', '#14161a', '#b0123b'],
  ['#c1e04d', '#14161a', '#1b4332'],
] as const;

export const MOTIFS = 5;

export function posterStyle(eventId: string): PosterStyle {
  const seed = hash(eventId);
  const [background, text, accent] = palettes[seed % palettes.length] ?? palettes[0];
  return { background, text, accent, motif: (seed >>> 8) % MOTIFS, seed: seed >>> 12 };
}
