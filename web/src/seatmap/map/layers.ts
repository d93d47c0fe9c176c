import { seatNumber } from '@/lib/hall/geometry';
import { inside } from '@/lib/hall/grid';
import type { Scene } from '@/lib/hall/scene';
import type { SeatState } from '@/lib/hall/state';
import { AVAILABLE } from '@/lib/hall/status';
import { press, Stamps } from './stamps';
import { mix, priceColor, textOn, type Theme } from '@/lib/hall/theme';
import type { Viewport } from '@/lib/hall/viewport';

/** Everything a frame depends on. Sizes of canvases are in device pixels, `ratio` of them to a CSS pixel. */
export interface Frame {
  scene: Scene;
  state: SeatState;
  view: Viewport;
  theme: Theme;
  ratio: number;
  /** Only this category is of interest; the others step back. Null for all. */
  category: number | null;
  priceLabel: (section: number) => string;
}

const SEATS_FROM_PX = 4.2;
const NUMBERS_FROM_PX = 19;

export const showsSeats = ({ scene, view }: Pick<Frame, 'scene' | 'view'>) =>
  scene.pitch * view.scale >= SEATS_FROM_PX;
const showsNumbers = (frame: Frame) => frame.scene.pitch * frame.view.scale >= NUMBERS_FROM_PX;

export function context(canvas: HTMLCanvasElement, inMemory = false): CanvasRenderingContext2D {
  const result = canvas.getContext('2d', { willReadFrequently: inMemory });
  if (!result) throw new Error('This browser has no canvas.');
  return result;
}

function trace(ctx: CanvasRenderingContext2D, outline: [number, number][], view: Viewport): void {
  ctx.beginPath();
  for (const [x, y] of outline) ctx.lineTo(view.toScreenX(x), view.toScreenY(y));
  ctx.closePath();
}

/** Stage or pitch, section shapes, and their names: everything under the seats. */
export function drawGround(ctx: CanvasRenderingContext2D, frame: Frame): void {
  const { view, ratio } = frame;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, view.width, view.height);
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  drawShapes(ctx, frame);
  const seats = showsSeats(frame);
  frame.scene.geometry.sections.forEach((section, index) => {
    const solid = !seats || section.kind === 'standing';
    drawSection(ctx, frame, index, solid);
  });
}

function drawShapes(ctx: CanvasRenderingContext2D, { scene, view, theme }: Frame): void {
  for (const shape of scene.geometry.shapes) {
    const width = shape.width * view.scale;
    const height = shape.height * view.scale;
    ctx.save();
    ctx.translate(
      view.toScreenX(shape.x + shape.width / 2),
      view.toScreenY(shape.y + shape.height / 2),
    );
    ctx.rotate((shape.rotation * Math.PI) / 180);
    ctx.fillStyle = mix(theme.paper, theme.ink, 0.08);
    ctx.strokeStyle = theme.line;
    ctx.beginPath();
    ctx.roundRect(-width / 2, -height / 2, width, height, Math.min(6, width / 4, height / 4));
    ctx.fill();
    ctx.stroke();
    const long = Math.max(width, height);
    const size = Math.min(22, Math.min(width, height) * 0.6, long * 0.25);
    if (shape.text && size >= 8) {
      // A high narrow stage carries its word sideways.
      if (height > width * 1.5) ctx.rotate(-Math.PI / 2);
      ctx.fillStyle = theme.soft;
      ctx.font = `700 ${String(size)}px 'Barlow Condensed', sans-serif`;
      ctx.fillText(shape.text, 0, 0, long * 0.9);
    }
    ctx.restore();
  }
}

function drawSection(
  ctx: CanvasRenderingContext2D,
  frame: Frame,
  index: number,
  solid: boolean,
): void {
  const { scene, state, view, theme } = frame;
  const section = scene.geometry.sections[index];
  const outline = scene.outlines[index];
  const box = scene.boxes[index];
  if (!section || !outline || !box) return;
  if (view.toScreenX(box.x1) < 0 || view.toScreenX(box.x0) > view.width) return;
  if (view.toScreenY(box.y1) < 0 || view.toScreenY(box.y0) > view.height) return;

  trace(ctx, outline, view);
  if (!solid) {
    ctx.fillStyle = mix(theme.paper, theme.ink, 0.03);
    ctx.fill();
    return;
  }
  const left = state.available[index] ?? 0;
  const aside = frame.category !== null && frame.category !== section.category;
  const color = aside || left === 0 ? theme.pale : priceColor(theme, section.category);
  const share = fillShare(state.known, left, section.count, aside);
  ctx.fillStyle = mix(theme.paper, color, share);
  ctx.fill();
  ctx.strokeStyle = theme.paper;
  ctx.lineWidth = 1.5;
  ctx.stroke();
  ctx.lineWidth = 1;

  const second = state.known && left === 0 ? 'Sold out' : frame.priceLabel(index);
  const fits = (width: number, height: number) => roomFor(frame, index, width, height);
  const x = view.toScreenX((box.x0 + box.x1) / 2);
  const y = view.toScreenY((box.y0 + box.y1) / 2);
  ctx.fillStyle = textOn(theme.paper, color, share);
  drawLabel(ctx, x, y, fits, section.name, second);
}

/** Whether a label of this size, in CSS pixels around the middle of the section, stays inside its outline. */
function roomFor({ scene, view }: Frame, index: number, width: number, height: number): boolean {
  const outline = scene.outlines[index];
  const box = scene.boxes[index];
  if (!outline || !box) return false;
  const x = (box.x0 + box.x1) / 2;
  const y = (box.y0 + box.y1) / 2;
  const dx = width / 2 / view.scale;
  const dy = height / 2 / view.scale;
  return [-1, 1].every((side) =>
    [-1, 0, 1].every((level) => inside(outline, x + side * dx, y + level * dy)),
  );
}

/** The fuller the section still is, the stronger its colour; four steps are enough to compare. */
function fillShare(known: boolean, left: number, total: number, aside: boolean): number {
  if (!known || aside || left === 0) return 0.4;
  const share = left / total;
  if (share < 0.1) return 0.55;
  if (share < 0.4) return 0.75;
  return 1;
}

const LABEL_SIZES_PX = [15, 12.5, 11];

/** The most that has room: name and price, else a shorter name, else smaller, else nothing. */
function drawLabel(
  ctx: CanvasRenderingContext2D,
  x: number,
  y: number,
  fits: (width: number, height: number) => boolean,
  name: string,
  price: string,
): void {
  const short = shortName(name);
  const words = name.split(' ');
  const choices =
    short === name
      ? [[name, price], [...words, price], [name], words]
      : [[name, price], [short, price], [name], [short]];
  for (const size of LABEL_SIZES_PX) {
    ctx.font = `700 ${String(size)}px 'Barlow Condensed', sans-serif`;
    const width = (text: string) => widthOf(ctx, text, size) + 4;
    for (const lines of choices) {
      if (!fits(Math.max(...lines.map(width)), size * lines.length)) continue;
      lines.forEach((line, index) =>
        ctx.fillText(line, x, y + (index - (lines.length - 1) / 2) * size * 1.02),
      );
      return;
    }
  }
}

/** The faces that the map is lettered in, for `document.fonts`. */
export const LABEL_FACE = "700 15px 'Barlow Condensed'";
export const NUMBER_FACE = "600 13px 'Inter Variable'";

const widths = new Map<string, number>();

/** Measuring text costs more than drawing it, and the same few labels come with every frame. */
function widthOf(ctx: CanvasRenderingContext2D, text: string, size: number): number {
  const key = `${String(size)} ${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    width = ctx.measureText(text).width;
    // Before the web font has come, widths are those of another one.
    if (document.fonts.check(LABEL_FACE)) widths.set(key, width);
  }
  return width;
}

/** "Block 112" has room as "112" where the whole name has none; a word alone would say too little. */
function shortName(name: string): string {
  const last = name.split(' ').at(-1) ?? name;
  return /\d/.test(last) ? last : name;
}

const PALE = 0;

/** Draws seats by copying stamps into image data; keeps its buffers from frame to frame. */
export class SeatLayer {
  private image: ImageData | null = null;
  private pixels = new Uint32Array(0);
  private stamps: Stamps | null = null;
  private stampsKey = '';

  constructor(private readonly ctx: CanvasRenderingContext2D) {}

  draw(frame: Frame): void {
    const { canvas } = this.ctx;
    if (!showsSeats(frame)) {
      this.ctx.setTransform(1, 0, 0, 1, 0, 0);
      this.ctx.clearRect(0, 0, canvas.width, canvas.height);
      return;
    }
    if (this.image?.width !== canvas.width || this.image.height !== canvas.height) {
      this.image = new ImageData(canvas.width, canvas.height);
      this.pixels = new Uint32Array(this.image.data.buffer);
    }
    this.pixels.fill(0);
    this.pressSeats(frame, this.stampsFor(frame));
    this.ctx.putImageData(this.image, 0, 0);
    if (showsNumbers(frame)) this.drawNumbers(frame);
  }

  private stampsFor({ scene, view, theme, ratio }: Frame): Stamps {
    const radius = Math.max(1.2, scene.radius * view.scale * ratio);
    const key = `${String(radius)} ${theme.paper}`;
    if (!this.stamps || this.stampsKey !== key) {
      this.stamps = new Stamps(radius, [theme.pale, ...theme.prices]);
      this.stampsKey = key;
    }
    return this.stamps;
  }

  private pressSeats(frame: Frame, stamps: Stamps): void {
    const { scene, state, view, ratio, category, theme } = frame;
    const { x, y, category: categories } = scene.geometry;
    const { width, height } = this.ctx.canvas;
    const { phases, reach } = stamps;
    const scale = view.scale * ratio;
    const offsetX = view.offsetX * ratio;
    const offsetY = view.offsetY * ratio;
    const colors = theme.prices.length;
    const { pixels } = this;
    const status = state.status;
    const known = state.known;
    visitSeen(frame, (index) => {
      const screenX = (x[index] ?? 0) * scale + offsetX;
      const screenY = (y[index] ?? 0) * scale + offsetY;
      const snappedX = Math.floor(screenX * phases) / phases;
      const snappedY = Math.floor(screenY * phases) / phases;
      const wholeX = Math.floor(snappedX);
      const wholeY = Math.floor(snappedY);
      const own = categories[index] ?? 0;
      const now = known ? (status[index] ?? 0) : 2;
      const aside = category !== null && category !== own;
      const color = now === AVAILABLE && !aside ? 1 + (own % colors) : PALE;
      const stamp = stamps.get(
        now,
        color,
        Math.round((snappedX - wholeX) * phases),
        Math.round((snappedY - wholeY) * phases),
      );
      press(stamp, pixels, width, height, wholeX - reach, wholeY - reach);
    });
  }

  private drawNumbers(frame: Frame): void {
    const { scene, state, view, theme, ratio, category } = frame;
    const { x, y, category: categories } = scene.geometry;
    const { ctx } = this;
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.textAlign = 'center';
    ctx.textBaseline = 'middle';
    ctx.font = `600 ${String(Math.min(13, scene.radius * view.scale * 0.95))}px 'Inter Variable', sans-serif`;
    const colors = theme.prices.map((color) => textOn(color, color, 1));
    visitSeen(frame, (index) => {
      const own = categories[index] ?? 0;
      if (!state.isFree(index) || (category !== null && category !== own)) return;
      ctx.fillStyle = colors[own % colors.length] ?? theme.paper;
      ctx.fillText(
        seatNumber(scene.geometry, index),
        view.toScreenX(x[index] ?? 0),
        view.toScreenY(y[index] ?? 0) + 0.5,
      );
    });
  }
}

function visitSeen({ scene, view }: Frame, each: (index: number) => void): void {
  scene.grid.visit(
    view.toPlanX(0) - scene.pitch,
    view.toPlanY(0) - scene.pitch,
    view.toPlanX(view.width) + scene.pitch,
    view.toPlanY(view.height) + scene.pitch,
    each,
  );
}

const SMALLEST_MARK_PX = 5;

/** What changes with every move of the hand: the seat under the pointer and the seats chosen. */
export function drawOverlay(
  ctx: CanvasRenderingContext2D,
  frame: Frame,
  hover: { seat: number; section: number },
): void {
  const { scene, state, view, theme, ratio } = frame;
  const { geometry } = scene;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, view.width, view.height);
  const hovered = scene.outlines[hover.section];
  if (hovered && hover.seat < 0) {
    trace(ctx, hovered, view);
    ctx.strokeStyle = theme.ink;
    ctx.lineWidth = 2;
    ctx.stroke();
  }
  const radius = Math.max(SMALLEST_MARK_PX, scene.radius * view.scale);
  const at = (index: number): [number, number] => [
    view.toScreenX(geometry.x[index] ?? 0),
    view.toScreenY(geometry.y[index] ?? 0),
  ];
  for (const index of state.mine) {
    if (!state.isMine(index)) continue;
    if (geometry.sections[geometry.section[index] ?? 0]?.kind === 'standing') continue;
    const [x, y] = at(index);
    // Own seats: the tick of a chosen one, in a ring, since they are held.
    ctx.beginPath();
    ctx.arc(x, y, radius, 0, 2 * Math.PI);
    ctx.fillStyle = theme.paper;
    ctx.fill();
    ctx.strokeStyle = theme.ink;
    ctx.lineWidth = 2;
    ctx.stroke();
    drawTick(ctx, x, y, radius, theme.ink);
  }
  for (const index of state.selected) {
    if (geometry.sections[geometry.section[index] ?? 0]?.kind === 'standing') continue;
    const [x, y] = at(index);
    ctx.beginPath();
    ctx.arc(x, y, radius + 2.5, 0, 2 * Math.PI);
    ctx.fillStyle = theme.paper;
    ctx.fill();
    ctx.beginPath();
    ctx.arc(x, y, radius + 1, 0, 2 * Math.PI);
    ctx.fillStyle = theme.ink;
    ctx.fill();
    drawTick(ctx, x, y, radius, theme.paper);
  }
  if (hover.seat >= 0) {
    const [x, y] = at(hover.seat);
    ctx.beginPath();
    ctx.arc(x, y, radius + 3, 0, 2 * Math.PI);
    ctx.strokeStyle = theme.ink;
    ctx.lineWidth = 2;
    ctx.stroke();
  }
}

function drawTick(
  ctx: CanvasRenderingContext2D,
  x: number,
  y: number,
  radius: number,
  color: string,
): void {
  ctx.beginPath();
  ctx.moveTo(x - radius * 0.45, y + radius * 0.02);
  ctx.lineTo(x - radius * 0.1, y + radius * 0.38);
  ctx.lineTo(x + radius * 0.5, y - radius * 0.35);
  ctx.strokeStyle = color;
  ctx.lineWidth = Math.max(1.4, radius * 0.24);
  ctx.lineCap = 'round';
  ctx.lineJoin = 'round';
  ctx.stroke();
}
