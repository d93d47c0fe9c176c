export type Rgb = readonly [number, number, number];

export interface Theme {
  paper: string;
  ink: string;
  soft: string;
  line: string;
  pale: string;
  /** Six price colours that stay apart for colour-blind eyes and keep 3:1 to the background. */
  prices: readonly string[];
}

export const light: Theme = {
  paper: '#ffffff',
  ink: '#14161a',
  soft: '#565c66',
  line: '#c9cdd4',
  pale: '#c3c8d0',
  prices: ['#391b65', '#184f19', '#4c35c7', '#ac5b81', '#6889f9', '#d9770f'],
};

export const dark: Theme = {
  paper: '#101214',
  ink: '#f1f2f4',
  soft: '#a4abb6',
  line: '#3a4048',
  pale: '#4a515b',
  prices: ['#87509e', '#d07f00', '#5793f4', '#32b7a7', '#6ae76e', '#32e9fa'],
};

export function priceColor(theme: Theme, category: number): string {
  return theme.prices[category % theme.prices.length] ?? theme.ink;
}

export function rgb(color: string): Rgb {
  const value = Number.parseInt(color.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

export function mix(from: string, to: string, share: number): string {
  const a = rgb(from);
  const b = rgb(to);
  const channel = (i: 0 | 1 | 2) => Math.round(a[i] + (b[i] - a[i]) * share);
  return `rgb(${String(channel(0))} ${String(channel(1))} ${String(channel(2))})`;
}

function luminance(color: Rgb): number {
  const [r, g, b] = color.map((value) => {
    const c = value / 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as unknown as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Black or white, whichever reads better on the mixture. */
export function textOn(from: string, to: string, share: number): string {
  const a = rgb(from);
  const b = rgb(to);
  const mixed: Rgb = [
    a[0] + (b[0] - a[0]) * share,
    a[1] + (b[1] - a[1]) * share,
    a[2] + (b[2] - a[2]) * share,
  ];
  return luminance(mixed) > 0.179 ? '#14161a' : '#ffffff';
}
