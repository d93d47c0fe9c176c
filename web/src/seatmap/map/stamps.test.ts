import { describe, expect, it } from 'vitest';
import { press, Stamps } from './stamps';
import { AVAILABLE, BLOCKED, HELD, SOLD } from '@/lib/hall/status';

const covered = (pixels: Uint32Array) => pixels.filter((pixel) => pixel !== 0).length;

describe('stamps', () => {
  const stamps = new Stamps(8, ['#112233']);

  it('have a shape of their own for every status', () => {
    const centre = (status: number) => {
      const { side, pixels } = stamps.get(status, 0, 0, 0);
      return pixels[(side * side - 1) / 2] ?? 0;
    };
    const areas = [AVAILABLE, HELD, SOLD, BLOCKED].map((status) =>
      covered(stamps.get(status, 0, 0, 0).pixels),
    );
    expect(new Set(areas).size).toBe(4);
    expect(Math.max(...areas)).toBe(areas[AVAILABLE]);
    expect(centre(AVAILABLE)).toBe(0xff332211);
    expect(centre(HELD)).toBe(0);
  });

  it('are cut off at the edges of the image, not wrapped around', () => {
    const stamp = stamps.get(AVAILABLE, 0, 0, 0);
    const image = new Uint32Array(20 * 20);
    press(stamp, image, 20, 20, -stamp.side + 3, 5);
    const columns = new Set([...image.keys()].filter((at) => image[at] !== 0).map((at) => at % 20));
    expect(Math.max(...columns, 0)).toBeLessThan(3);
    press(stamp, image, 20, 20, 500, 500);
    expect(covered(image)).toBeLessThan(stamp.side * 3);
  });
});
