/** Points in square cells, so that a tap looks at a handful of seats and a frame only at those in sight. */
export class Grid {
  readonly columns: number;
  readonly rows: number;
  private readonly left: number;
  private readonly top: number;
  private readonly starts: Uint32Array;
  private readonly items: Uint32Array;

  constructor(
    private readonly x: Int16Array,
    private readonly y: Int16Array,
    readonly cell: number,
    include: (index: number) => boolean = () => true,
  ) {
    let left = Infinity;
    let top = Infinity;
    let right = -Infinity;
    let bottom = -Infinity;
    for (let i = 0; i < x.length; i += 1) {
      if (!include(i)) continue;
      left = Math.min(left, x[i] ?? 0);
      right = Math.max(right, x[i] ?? 0);
      top = Math.min(top, y[i] ?? 0);
      bottom = Math.max(bottom, y[i] ?? 0);
    }
    this.left = left < Infinity ? left : 0;
    this.top = top < Infinity ? top : 0;
    this.columns = left < Infinity ? Math.floor((right - left) / cell) + 1 : 1;
    this.rows = top < Infinity ? Math.floor((bottom - top) / cell) + 1 : 1;
    this.starts = new Uint32Array(this.columns * this.rows + 1);

    const cells = new Uint32Array(x.length);
    let total = 0;
    for (let i = 0; i < x.length; i += 1) {
      if (!include(i)) continue;
      const cellIndex = this.row(y[i] ?? 0) * this.columns + this.column(x[i] ?? 0);
      cells[i] = cellIndex;
      this.starts[cellIndex + 1] = (this.starts[cellIndex + 1] ?? 0) + 1;
      total += 1;
    }
    for (let i = 1; i < this.starts.length; i += 1) {
      this.starts[i] = (this.starts[i] ?? 0) + (this.starts[i - 1] ?? 0);
    }
    const next = this.starts.slice();
    this.items = new Uint32Array(total);
    for (let i = 0; i < x.length; i += 1) {
      if (!include(i)) continue;
      const cellIndex = cells[i] ?? 0;
      const slot = next[cellIndex] ?? 0;
      this.items[slot] = i;
      next[cellIndex] = slot + 1;
    }
  }

  private column(x: number): number {
    return Math.min(this.columns - 1, Math.max(0, Math.floor((x - this.left) / this.cell)));
  }

  private row(y: number): number {
    return Math.min(this.rows - 1, Math.max(0, Math.floor((y - this.top) / this.cell)));
  }

  /** Every point in the cells that the rectangle touches: all inside it and some around. */
  visit(x0: number, y0: number, x1: number, y1: number, each: (index: number) => void): void {
    const fromColumn = this.column(x0);
    const toColumn = this.column(x1);
    for (let row = this.row(y0); row <= this.row(y1); row += 1) {
      const from = this.starts[row * this.columns + fromColumn] ?? 0;
      const to = this.starts[row * this.columns + toColumn + 1] ?? 0;
      for (let slot = from; slot < to; slot += 1) each(this.items[slot] ?? 0);
    }
  }

  /** The nearest acceptable point within the radius, or -1. */
  nearest(
    x: number,
    y: number,
    radius: number,
    accept: (index: number) => boolean = () => true,
  ): number {
    let best = -1;
    let bestSquare = radius * radius;
    this.visit(x - radius, y - radius, x + radius, y + radius, (index) => {
      const dx = (this.x[index] ?? 0) - x;
      const dy = (this.y[index] ?? 0) - y;
      const square = dx * dx + dy * dy;
      if (square <= bestSquare && accept(index)) {
        bestSquare = square;
        best = index;
      }
    });
    return best;
  }
}

/** Whether a point lies in a polygon (even-odd rule). */
export function inside(outline: readonly [number, number][], x: number, y: number): boolean {
  let result = false;
  let previous = outline[outline.length - 1];
  for (const corner of outline) {
    if (previous) {
      const [x0, y0] = previous;
      const [x1, y1] = corner;
      if (y0 > y !== y1 > y && x < ((x0 - x1) * (y - y1)) / (y0 - y1) + x1) result = !result;
    }
    previous = corner;
  }
  return result;
}
