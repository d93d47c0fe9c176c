import { seatPitch, type Geometry } from './geometry';
import { Grid, inside } from './grid';
import type { Box } from './viewport';

/** What follows from the geometry alone and is worth computing once: index, boxes, sizes. */
export class Scene {
  readonly pitch: number;
  readonly radius: number;
  readonly grid: Grid;
  readonly boxes: Box[];
  readonly outlines: [number, number][][];
  readonly bounds: Box;

  constructor(readonly geometry: Geometry) {
    this.pitch = seatPitch(geometry);
    this.radius = this.pitch * 0.42;
    const standing = geometry.sections.map((section) => section.kind === 'standing');
    this.grid = new Grid(
      geometry.x,
      geometry.y,
      this.pitch * 4,
      // Places without a seat are bought by number, not by pointing at them.
      (index) => !standing[geometry.section[index] ?? 0] && !geometry.gone[index],
    );
    this.boxes = geometry.sections.map((section, index) => this.boxOf(index, section.outline));
    this.outlines = geometry.sections.map((section, index) =>
      section.outline.length >= 3 ? section.outline : corners(this.boxes[index]),
    );
    this.bounds = this.boundsOf();
  }

  sectionAt(x: number, y: number): number {
    // Later outlines are drawn on top, so they are asked first.
    for (let i = this.outlines.length - 1; i >= 0; i -= 1) {
      const outline = this.outlines[i];
      if (outline && inside(outline, x, y)) return i;
    }
    return -1;
  }

  private boxOf(index: number, outline: [number, number][]): Box {
    const box: Box = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
    const add = (x: number, y: number) => {
      box.x0 = Math.min(box.x0, x);
      box.y0 = Math.min(box.y0, y);
      box.x1 = Math.max(box.x1, x);
      box.y1 = Math.max(box.y1, y);
    };
    for (const [x, y] of outline) add(x, y);
    const { geometry } = this;
    const section = geometry.sections[index];
    if (section && outline.length < 3) {
      for (let i = section.first; i < section.first + section.count; i += 1) {
        if (geometry.gone[i]) continue;
        add((geometry.x[i] ?? 0) - this.pitch, (geometry.y[i] ?? 0) - this.pitch);
        add((geometry.x[i] ?? 0) + this.pitch, (geometry.y[i] ?? 0) + this.pitch);
      }
    }
    return box;
  }

  private boundsOf(): Box {
    const boxes = [
      ...this.boxes,
      ...this.geometry.shapes.map((shape) => {
        // A turned shape reaches no farther than its diagonal.
        const reach = shape.rotation === 0 ? null : Math.hypot(shape.width, shape.height) / 2;
        const x = shape.x + shape.width / 2;
        const y = shape.y + shape.height / 2;
        return {
          x0: x - (reach ?? shape.width / 2),
          x1: x + (reach ?? shape.width / 2),
          y0: y - (reach ?? shape.height / 2),
          y1: y + (reach ?? shape.height / 2),
        };
      }),
    ].filter((box) => Number.isFinite(box.x0));
    if (boxes.length === 0) {
      return { x0: 0, y0: 0, x1: this.geometry.size.width, y1: this.geometry.size.height };
    }
    return {
      x0: Math.min(...boxes.map((box) => box.x0)),
      y0: Math.min(...boxes.map((box) => box.y0)),
      x1: Math.max(...boxes.map((box) => box.x1)),
      y1: Math.max(...boxes.map((box) => box.y1)),
    };
  }
}

function corners(box: Box | undefined): [number, number][] {
  if (!box) return [];
  return [
    [box.x0, box.y0],
    [box.x1, box.y0],
    [box.x1, box.y1],
    [box.x0, box.y1],
  ];
}
