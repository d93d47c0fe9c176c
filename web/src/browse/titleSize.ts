const sizes = {
  large: 'text-6xl md:text-8xl lg:text-9xl',
  middle: 'text-5xl md:text-7xl lg:text-8xl',
  small: 'text-4xl md:text-5xl lg:text-6xl',
};

/** A poster's title as large as its longest word and its whole length let it be, on any screen. */
export function titleSize(title: string): string {
  const word = Math.max(...title.split(/\s+/).map((part) => part.length));
  if (word <= 11 && title.length <= 40) return sizes.large;
  return word <= 15 && title.length <= 70 ? sizes.middle : sizes.small;
}
