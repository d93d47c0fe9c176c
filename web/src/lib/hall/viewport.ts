export interface Box {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** How plan units become CSS pixels: screen = plan * scale + offset. */
export class Viewport {
  width = 1;
  height = 1;
  scale = 1;
  offsetX = 0;
  offsetY = 0;
  private fitScale = 1;

  constructor(
    private readonly world: Box,
    private readonly maxScale: number,
  ) {}

  get minScale(): number {
    return this.fitScale * 0.9;
  }

  resize(width: number, height: number): void {
    const wasFit = this.scale <= this.fitScale * 1.001;
    const centerX = (this.width / 2 - this.offsetX) / this.scale;
    const centerY = (this.height / 2 - this.offsetY) / this.scale;
    this.width = width;
    this.height = height;
    this.fitScale = this.scaleFor(this.world, 20);
    if (wasFit) {
      this.fit();
      return;
    }
    this.offsetX = width / 2 - centerX * this.scale;
    this.offsetY = height / 2 - centerY * this.scale;
    this.clamp();
  }

  fit(): void {
    this.show(this.world, 20);
  }

  /** Centres a box with a margin in CSS pixels, no closer than the largest scale. */
  show(box: Box, margin: number): void {
    this.scale = Math.min(this.maxScale, this.scaleFor(box, margin));
    this.offsetX = this.width / 2 - ((box.x0 + box.x1) / 2) * this.scale;
    this.offsetY = this.height / 2 - ((box.y0 + box.y1) / 2) * this.scale;
    this.clamp();
  }

  zoomAt(x: number, y: number, factor: number): void {
    const scale = Math.min(this.maxScale, Math.max(this.minScale, this.scale * factor));
    const change = scale / this.scale;
    this.offsetX = x - (x - this.offsetX) * change;
    this.offsetY = y - (y - this.offsetY) * change;
    this.scale = scale;
    this.clamp();
  }

  panBy(dx: number, dy: number): void {
    this.offsetX += dx;
    this.offsetY += dy;
    this.clamp();
  }

  toScreenX = (x: number): number => x * this.scale + this.offsetX;
  toScreenY = (y: number): number => y * this.scale + this.offsetY;
  toPlanX = (x: number): number => (x - this.offsetX) / this.scale;
  toPlanY = (y: number): number => (y - this.offsetY) / this.scale;

  snapshot(): { scale: number; offsetX: number; offsetY: number } {
    return { scale: this.scale, offsetX: this.offsetX, offsetY: this.offsetY };
  }

  private scaleFor(box: Box, margin: number): number {
    const width = Math.max(1, this.width - 2 * margin) / Math.max(1, box.x1 - box.x0);
    const height = Math.max(1, this.height - 2 * margin) / Math.max(1, box.y1 - box.y0);
    return Math.min(width, height);
  }

  /** The middle of the view never leaves the plan, so it cannot be lost. */
  private clamp(): void {
    const centerX = Math.min(this.world.x1, Math.max(this.world.x0, this.toPlanX(this.width / 2)));
    const centerY = Math.min(this.world.y1, Math.max(this.world.y0, this.toPlanY(this.height / 2)));
    this.offsetX = this.width / 2 - centerX * this.scale;
    this.offsetY = this.height / 2 - centerY * this.scale;
  }
}
