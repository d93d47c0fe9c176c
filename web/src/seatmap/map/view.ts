import { listen } from './gestures';
import {
  context,
  drawGround,
  drawOverlay,
  LABEL_FACE,
  NUMBER_FACE,
  SeatLayer,
  showsSeats,
  type Frame,
} from './layers';
import type { Scene } from '@/lib/hall/scene';
import type { SeatState } from '@/lib/hall/state';
import type { Theme } from '@/lib/hall/theme';
import { Viewport, type Box } from '@/lib/hall/viewport';

export interface Hover {
  seat: number;
  section: number;
  x: number;
  y: number;
  /** Of the map, so that what is shown at the point can stay inside. */
  width: number;
}

export interface MapParts {
  scene: Scene;
  state: SeatState;
  theme: Theme;
  priceLabel: (section: number) => string;
  onSeat: (ordinal: number) => void;
  onSection: (section: number) => void;
  onHover: (hover: Hover | null) => void;
}

const LARGEST_PITCH_PX = 46;
const READING_PITCH_PX = 24;
const TAP_FROM_PX = { fine: 9, coarse: 11 };
const TAP_REACH_PX = 13;
const GLIDE_MS = 240;
const MOST_PIXELS_PER_CSS_PIXEL = 2;

const noHover = { seat: -1, section: -1 };

/** The seat map: three canvases, ground, seats and overlay, in an element that takes the input. */
export class MapView {
  readonly overlay: HTMLCanvasElement;
  private readonly ground: HTMLCanvasElement;
  private readonly seats: HTMLCanvasElement;
  private readonly seatLayer: SeatLayer;
  private readonly view: Viewport;
  private readonly stops: (() => void)[] = [];
  private theme: Theme;
  private category: number | null = null;
  private hover = noHover;
  private ratio = 1;
  private frame = 0;
  private stale = { all: true, overlay: true };
  private glide: { from: Placement; to: Placement; start: number } | null = null;

  constructor(
    private readonly root: HTMLElement,
    canvases: { ground: HTMLCanvasElement; seats: HTMLCanvasElement; overlay: HTMLCanvasElement },
    private readonly parts: MapParts,
  ) {
    this.theme = parts.theme;
    this.ground = canvases.ground;
    this.seats = canvases.seats;
    this.overlay = canvases.overlay;
    this.seatLayer = new SeatLayer(context(this.seats, true));
    const { scene } = parts;
    this.view = new Viewport(scene.bounds, LARGEST_PITCH_PX / scene.pitch);
    this.stops.push(
      parts.state.subscribe(() => this.invalidate()),
      listen(this.root, {
        pan: (dx, dy) => this.moveNow(() => this.view.panBy(dx, dy)),
        zoom: (x, y, factor) => this.moveNow(() => this.view.zoomAt(x, y, factor)),
        tap: (x, y, coarse) => this.tap(x, y, coarse),
        hover: (x, y) => this.point(x, y),
        leave: () => this.setHover(noHover, 0, 0),
        fit: () => this.fit(),
      }),
    );
    const observer = new ResizeObserver(() => this.resize());
    observer.observe(root);
    this.stops.push(() => observer.disconnect());
    this.resize();
    this.view.fit();
    // A canvas asks for no font by itself: without this the labels stay in another face until something else redraws.
    const redraw = () => this.invalidate();
    void Promise.all([LABEL_FACE, NUMBER_FACE].map((face) => document.fonts.load(face))).then(
      redraw,
      redraw,
    );
  }

  destroy(): void {
    for (const stop of this.stops) stop();
    cancelAnimationFrame(this.frame);
    // Any further request to draw finds a frame already asked for, and none comes.
    this.frame = -1;
  }

  /** After a change of what it asks for, such as prices. */
  redraw(): void {
    this.invalidate();
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    this.invalidate();
  }

  setCategory(category: number | null): void {
    this.category = category;
    this.invalidate();
  }

  zoomBy(factor: number): void {
    this.glideTo(() => this.view.zoomAt(this.view.width / 2, this.view.height / 2, factor));
  }

  fit(): void {
    this.glideTo(() => this.view.fit());
  }

  showSection(section: number, animate = true): void {
    const box = this.parts.scene.boxes[section];
    if (box) this.glideTo(() => this.view.show(box, 28), animate);
  }

  /** Brings seats into view, near enough to read their numbers where they fit. */
  showSeats(ordinals: readonly number[], animate = true): void {
    const box = this.boxAround(ordinals);
    if (!box) return;
    this.glideTo(() => {
      this.view.show(box, 60);
      const most = READING_PITCH_PX / this.parts.scene.pitch;
      if (this.view.scale > most) {
        this.view.zoomAt(this.view.width / 2, this.view.height / 2, most / this.view.scale);
      }
    }, animate);
  }

  /** Where a seat is, in CSS pixels from the canvas's top left corner. */
  screenPosition(ordinal: number): { x: number; y: number } {
    const { geometry } = this.parts.scene;
    return {
      x: this.view.toScreenX(geometry.x[ordinal] ?? 0),
      y: this.view.toScreenY(geometry.y[ordinal] ?? 0),
    };
  }

  private boxAround(ordinals: readonly number[]): Box | null {
    if (ordinals.length === 0) return null;
    const { geometry, pitch } = this.parts.scene;
    const xs = ordinals.map((ordinal) => geometry.x[ordinal] ?? 0);
    const ys = ordinals.map((ordinal) => geometry.y[ordinal] ?? 0);
    return {
      x0: Math.min(...xs) - pitch,
      y0: Math.min(...ys) - pitch,
      x1: Math.max(...xs) + pitch,
      y1: Math.max(...ys) + pitch,
    };
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.root;
    if (clientWidth === 0 || clientHeight === 0) return;
    this.ratio = Math.min(MOST_PIXELS_PER_CSS_PIXEL, window.devicePixelRatio);
    for (const canvas of [this.ground, this.seats, this.overlay]) {
      canvas.width = Math.round(clientWidth * this.ratio);
      canvas.height = Math.round(clientHeight * this.ratio);
    }
    if (this.glide) this.place(this.glide.to);
    this.glide = null;
    this.view.resize(clientWidth, clientHeight);
    // At once, not with the next frame: a resized canvas is empty.
    this.stale = { all: true, overlay: true };
    this.draw();
  }

  private moveNow(change: () => void): void {
    this.glide = null;
    change();
    this.invalidate();
  }

  private glideTo(change: () => void, animate = true): void {
    const from = this.view.snapshot();
    change();
    const still = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.glide =
      animate && !still ? { from, to: this.view.snapshot(), start: performance.now() } : null;
    if (this.glide) this.place(from);
    this.invalidate();
  }

  private place({ scale, offsetX, offsetY }: Placement): void {
    this.view.scale = scale;
    this.view.offsetX = offsetX;
    this.view.offsetY = offsetY;
  }

  private step(now: number): void {
    if (!this.glide) return;
    const { from, to, start } = this.glide;
    const share = Math.min(1, Math.max(0, (now - start) / GLIDE_MS));
    const eased = 1 - (1 - share) ** 3;
    // The scale moves by ratio, and the point that stays put follows from it, so the path is straight on screen.
    const scale = from.scale * (to.scale / from.scale) ** eased;
    const along = to.scale === from.scale ? eased : (scale - from.scale) / (to.scale - from.scale);
    this.place({
      scale,
      offsetX: from.offsetX + (to.offsetX - from.offsetX) * along,
      offsetY: from.offsetY + (to.offsetY - from.offsetY) * along,
    });
    this.stale = { all: true, overlay: true };
    if (share >= 1) this.glide = null;
    else this.schedule();
  }

  private invalidate(): void {
    this.stale = { all: true, overlay: true };
    this.schedule();
  }

  private schedule(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame((now) => {
      this.frame = 0;
      this.step(now);
      this.draw();
    });
  }

  private draw(): void {
    const { parts, view, theme, ratio, category } = this;
    const frame: Frame = { ...parts, view, theme, ratio, category };
    if (this.stale.all) {
      drawGround(context(this.ground), frame);
      this.seatLayer.draw(frame);
    }
    if (this.stale.overlay) drawOverlay(context(this.overlay), frame, this.hover);
    this.stale = { all: false, overlay: false };
    if (parts.state.known) this.overlay.dataset['ready'] = 'true';
  }

  private isTappable(coarse: boolean): boolean {
    const pitch = this.parts.scene.pitch * this.view.scale;
    return pitch >= (coarse ? TAP_FROM_PX.coarse : TAP_FROM_PX.fine);
  }

  private seatAt(x: number, y: number): number {
    const { scene, state } = this.parts;
    const { geometry, grid, pitch } = scene;
    const reach = Math.max(pitch * 0.75, TAP_REACH_PX / this.view.scale);
    const hit = grid.nearest(this.view.toPlanX(x), this.view.toPlanY(y), reach);
    if (hit < 0 || state.isFree(hit)) return hit;
    // Some plans draw two seats at one place; the one that can be had is the one that is meant.
    const twin = grid.nearest(
      geometry.x[hit] ?? 0,
      geometry.y[hit] ?? 0,
      pitch * 0.2,
      (index) => state.isFree(index) || state.selected.has(index),
    );
    return twin < 0 ? hit : twin;
  }

  private tap(x: number, y: number, coarse: boolean): void {
    const { scene, onSeat, onSection } = this.parts;
    const seat = this.isTappable(coarse) ? this.seatAt(x, y) : -1;
    if (seat >= 0) {
      onSeat(seat);
      return;
    }
    const section = scene.sectionAt(this.view.toPlanX(x), this.view.toPlanY(y));
    if (section < 0) return;
    onSection(section);
    const isStanding = scene.geometry.sections[section]?.kind === 'standing';
    if (isStanding || this.isTappable(coarse)) return;
    const before = this.view.snapshot();
    this.view.show(scene.boxes[section] ?? scene.bounds, 28);
    const after = this.view.scale;
    this.place(before);
    // Already as near as the whole section fits: go on towards the finger.
    if (before.scale >= after * 0.9) {
      const factor = READING_PITCH_PX / (scene.pitch * before.scale);
      this.glideTo(() => this.view.zoomAt(x, y, factor));
    } else {
      this.showSection(section);
    }
  }

  private point(x: number, y: number): void {
    const { scene } = this.parts;
    const seat = this.isTappable(false) ? this.seatAt(x, y) : -1;
    const section =
      seat >= 0
        ? (scene.geometry.section[seat] ?? -1)
        : scene.sectionAt(this.view.toPlanX(x), this.view.toPlanY(y));
    const solid =
      !showsSeats({ scene, view: this.view }) ||
      scene.geometry.sections[section]?.kind === 'standing';
    this.setHover(seat >= 0 || solid ? { seat, section } : noHover, x, y);
  }

  private setHover(hover: { seat: number; section: number }, x: number, y: number): void {
    const same = hover.seat === this.hover.seat && hover.section === this.hover.section;
    if (!same) {
      this.hover = hover;
      this.stale.overlay = true;
      this.schedule();
    }
    const nothing = hover.seat < 0 && hover.section < 0;
    if (nothing && same) return;
    this.root.style.cursor = nothing ? 'grab' : 'pointer';
    if (nothing) this.parts.onHover(null);
    else if (!same || hover.seat < 0)
      this.parts.onHover({ ...hover, x, y, width: this.view.width });
  }
}

interface Placement {
  scale: number;
  offsetX: number;
  offsetY: number;
}
