import { describe, expect, it } from 'vitest';
import { Grid, inside } from './grid';

describe('the grid', () => {
  const side = 60;
  const x = Int16Array.from({ length: side * side }, (_, index) => (index % side) * 10 - 200);
  const y = Int16Array.from({ length: side * side }, (_, index) => Math.floor(index / side) * 10);
  const grid = new Grid(x, y, 37);

  it('finds the nearest point, as looking at all of them would', () => {
    for (let i = 0; i < 300; i += 1) {
      const px = ((i * 97) % 700) - 250;
      const py = ((i * 61) % 700) - 50;
      let best = -1;
      let distance = 15;
      for (let k = 0; k < x.length; k += 1) {
        const d = Math.hypot((x[k] ?? 0) - px, (y[k] ?? 0) - py);
        if (d < distance) {
          distance = d;
          best = k;
        }
      }
      const found = grid.nearest(px, py, 15);
      const foundAway = found < 0 ? 15 : Math.hypot((x[found] ?? 0) - px, (y[found] ?? 0) - py);
      expect(found < 0).toBe(best < 0);
      expect(foundAway).toBeCloseTo(distance);
    }
  });

  it('visits all points of a rectangle, each once', () => {
    const seen: number[] = [];
    grid.visit(-1000, -1000, 1000, 1000, (index) => seen.push(index));
    expect(seen.length).toBe(x.length);
    expect(new Set(seen).size).toBe(x.length);
  });

  it('can leave points out, for good or for one question', () => {
    const even = new Grid(x, y, 37, (index) => index % 2 === 0);
    expect(even.nearest(x[1] ?? 0, y[1] ?? 0, 4)).toBe(-1);
    expect(grid.nearest(x[1] ?? 0, y[1] ?? 0, 11, (index) => index === 0)).toBe(0);
  });

  it('may be empty', () => {
    expect(new Grid(new Int16Array(0), new Int16Array(0), 10).nearest(0, 0, 100)).toBe(-1);
  });
});

it('tells inside from outside', () => {
  const corner: [number, number][] = [
    [0, 0],
    [10, 0],
    [10, 10],
    [5, 5],
    [0, 10],
  ];
  expect(inside(corner, 5, 2)).toBe(true);
  expect(inside(corner, 5, 8)).toBe(false);
  expect(inside(corner, 11, 5)).toBe(false);
});
