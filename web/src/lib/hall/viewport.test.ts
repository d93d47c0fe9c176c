import { describe, expect, it } from 'vitest';
import { Viewport } from './viewport';

function view() {
  const viewport = new Viewport({ x0: 0, y0: 0, x1: 1000, y1: 500 }, 10);
  viewport.resize(440, 440);
  viewport.fit();
  return viewport;
}

describe('the viewport', () => {
  it('fits the whole plan, centred', () => {
    const { scale, toScreenX, toScreenY } = view();
    expect(scale).toBeCloseTo(0.4);
    expect(toScreenX(500)).toBeCloseTo(220);
    expect(toScreenY(250)).toBeCloseTo(220);
  });

  it('keeps the point under the pointer while zooming', () => {
    const viewport = view();
    const before = viewport.toPlanX(300);
    viewport.zoomAt(300, 200, 3);
    expect(viewport.toPlanX(300)).toBeCloseTo(before);
  });

  it('has limits for zoom and pan', () => {
    const viewport = view();
    viewport.zoomAt(220, 220, 0.001);
    expect(viewport.scale).toBeCloseTo(viewport.minScale);
    viewport.zoomAt(220, 220, 1e9);
    expect(viewport.scale).toBe(10);
    viewport.panBy(1e9, -1e9);
    expect(viewport.toPlanX(220)).toBeCloseTo(0);
    expect(viewport.toPlanY(220)).toBeCloseTo(500);
  });

  it('stays fitted when a fitted view changes its size, else keeps its middle', () => {
    const viewport = view();
    viewport.resize(840, 440);
    expect(viewport.scale).toBeCloseTo(0.8);
    viewport.show({ x0: 100, y0: 100, x1: 200, y1: 200 }, 10);
    const scale = viewport.scale;
    viewport.resize(400, 300);
    expect(viewport.scale).toBe(scale);
    expect(viewport.toPlanX(200)).toBeCloseTo(150);
  });
});
