import { FormatError, magic } from './bytes';

export interface MapSection {
  id: string;
  name: string;
  /** Its name among the others: there may be two of one name, and some have none. */
  title: string;
  kind: 'seats' | 'standing';
  first: number;
  count: number;
  category: number;
  outline: [number, number][];
}

export interface MapShape {
  x: number;
  y: number;
  width: number;
  height: number;
  rotation: number;
  text: string;
  color: string;
}

/**
 * Consecutive seats of one row and category; seat i is `start + i * step`, or `label` when the number is no integer.
 * `rowLabel` and `seatLabel` are what the plan calls them, if anything; %s in the latter stands for the number.
 */
export interface Run {
  section: number;
  row: string;
  rowLabel: string;
  seatLabel: string;
  first: number;
  count: number;
  category: number;
  start: number;
  step: number;
  label: string | null;
}

type RawRun = [number, string, number, number, number, number | string, number, string?, string?];

interface Metadata {
  size: { width: number; height: number };
  focal: { x: number; y: number };
  categories: { name: string; color: string }[];
  sections: Omit<MapSection, 'title'>[];
  runs: RawRun[];
  shapes: MapShape[];
}

export interface Geometry {
  count: number;
  size: { width: number; height: number };
  focal: { x: number; y: number };
  categories: { name: string; color: string }[];
  sections: MapSection[];
  runs: Run[];
  shapes: MapShape[];
  x: Int16Array;
  y: Int16Array;
  section: Uint16Array;
  category: Uint8Array;
  /** Index into `runs` of every seat. */
  run: Uint32Array;
  /** 1 where a seat was removed from the plan: it is not drawn, and nobody gets it. */
  gone: Uint8Array;
}

const HEADER_BYTES = 12;

export function decodeGeometry(buffer: ArrayBuffer): Geometry {
  const bytes = new Uint8Array(buffer);
  if (bytes.length < HEADER_BYTES || magic(bytes) !== 'HFG1') {
    throw new FormatError('This is no seat map.');
  }
  const view = new DataView(buffer);
  const count = view.getUint32(4, true);
  const metaLength = view.getUint32(8, true);
  const coordinates = HEADER_BYTES + metaLength;
  if (bytes.length !== coordinates + 4 * count) throw new FormatError('The seat map is cut short.');
  const text = new TextDecoder().decode(bytes.subarray(HEADER_BYTES, coordinates));
  const meta = JSON.parse(text) as Metadata;

  const runs = meta.runs.map(readRun);
  const run = new Uint32Array(count);
  const section = new Uint16Array(count);
  const category = new Uint8Array(count);
  const gone = new Uint8Array(count).fill(1);
  // Sections first: a standing area's places may have no run.
  meta.sections.forEach((item, index) => {
    section.fill(index, item.first, item.first + item.count);
    category.fill(item.category, item.first, item.first + item.count);
    if (item.kind === 'standing') gone.fill(0, item.first, item.first + item.count);
  });
  runs.forEach((item, index) => {
    run.fill(index, item.first, item.first + item.count);
    category.fill(item.category, item.first, item.first + item.count);
    gone.fill(0, item.first, item.first + item.count);
  });

  return {
    count,
    size: meta.size,
    focal: meta.focal,
    categories: meta.categories,
    sections: titled(meta.sections),
    shapes: meta.shapes,
    runs,
    run,
    section,
    category,
    gone,
    x: decodeDeltas(view, coordinates, count),
    y: decodeDeltas(view, coordinates + 2 * count, count),
  };
}

function readRun(raw: RawRun): Run {
  const [section, row, first, count, category, number, step, rowLabel = '', seatLabel = ''] = raw;
  const isNumber = typeof number === 'number';
  const [start, label] = isNumber ? [number, null] : [0, number];
  return { section, row, rowLabel, seatLabel, first, count, category, start, step, label };
}

function titled(sections: Omit<MapSection, 'title'>[]): MapSection[] {
  const names = new Map<string, number>();
  for (const { name } of sections) names.set(name, (names.get(name) ?? 0) + 1);
  const seen = new Map<string, number>();
  return sections.map((section) => {
    const many = names.get(section.name) ?? 1;
    const nth = (seen.get(section.name) ?? 0) + 1;
    seen.set(section.name, nth);
    const name = section.name || 'Seats';
    return { ...section, title: many > 1 ? `${name} (${String(nth)} of ${String(many)})` : name };
  });
}

function decodeDeltas(view: DataView, offset: number, count: number): Int16Array {
  const out = new Int16Array(count);
  let value = 0;
  for (let i = 0; i < count; i += 1) {
    value += view.getInt16(offset + 2 * i, true);
    // Storing wraps modulo 2^16, which undoes the wrap of the difference.
    out[i] = value;
    value = out[i] ?? 0;
  }
  return out;
}

export function seatNumber(geometry: Geometry, ordinal: number): string {
  const run = geometry.runs[geometry.run[ordinal] ?? -1];
  if (!run || ordinal < run.first || ordinal >= run.first + run.count) return '';
  return run.label ?? String(run.start + (ordinal - run.first) * run.step);
}

/** A seat's place in parts; the labels are empty where the plan has none. */
export interface SeatLabel {
  section_name: string;
  row: string;
  row_label: string;
  number: string;
  seat_label: string;
}

export function seatLabel(geometry: Geometry, ordinal: number): SeatLabel {
  const section = geometry.sections[geometry.section[ordinal] ?? -1];
  const name = section?.name ?? '';
  if (section?.kind === 'standing') {
    return { section_name: name, row: '', row_label: '', number: '', seat_label: '' };
  }
  const run = geometry.runs[geometry.run[ordinal] ?? -1];
  const number = seatNumber(geometry, ordinal);
  return {
    section_name: name,
    row: run?.row ?? '',
    row_label: run?.rowLabel ?? '',
    number,
    seat_label: run?.seatLabel.replaceAll('%s', () => number) ?? '',
  };
}

const SAMPLE = 600;

/** The usual distance between neighbours in a row: what a seat's drawn size follows from. */
export function seatPitch(geometry: Geometry): number {
  const distances: number[] = [];
  const { x, y, run, count } = geometry;
  const stride = Math.max(1, Math.floor(count / SAMPLE));
  for (let i = 1; i < count; i += stride) {
    if (geometry.gone[i] || geometry.gone[i - 1]) continue;
    const standing = geometry.sections[geometry.section[i] ?? -1]?.kind === 'standing';
    if (standing || run[i] !== run[i - 1]) continue;
    const distance = Math.hypot((x[i] ?? 0) - (x[i - 1] ?? 0), (y[i] ?? 0) - (y[i - 1] ?? 0));
    if (distance > 0) distances.push(distance);
  }
  distances.sort((a, b) => a - b);
  return distances[Math.floor(distances.length / 4)] ?? 20;
}
