import { decodeGeometry, type Geometry } from './geometry';

interface Plan {
  seats: [number, number][];
  meta: Record<string, unknown>;
}

/** Writes the binary format of docs/seat-map.md, as the server does. */
export function encodeGeometry({ seats, meta }: Plan): ArrayBuffer {
  let text = JSON.stringify(meta);
  while (new TextEncoder().encode(text).length % 4 !== 0) text += ' ';
  const metaBytes = new TextEncoder().encode(text);
  const buffer = new ArrayBuffer(12 + metaBytes.length + 4 * seats.length);
  const view = new DataView(buffer);
  new Uint8Array(buffer).set(new TextEncoder().encode('HFG1'));
  view.setUint32(4, seats.length, true);
  view.setUint32(8, metaBytes.length, true);
  new Uint8Array(buffer).set(metaBytes, 12);
  for (const axis of [0, 1] as const) {
    let before = 0;
    seats.forEach((seat, index) => {
      const offset = 12 + metaBytes.length + 2 * (index + axis * seats.length);
      view.setInt16(offset, seat[axis] - before, true);
      before = seat[axis];
    });
  }
  return buffer;
}

export function encodeStatus(status: number[], version: bigint): Uint8Array {
  const bytes = new Uint8Array(16 + Math.ceil(status.length / 4));
  bytes.set(new TextEncoder().encode('HFS1'));
  const view = new DataView(bytes.buffer);
  view.setUint32(4, status.length, true);
  view.setBigUint64(8, version, true);
  status.forEach((value, index) => {
    const at = 16 + (index >> 2);
    bytes[at] = (bytes[at] ?? 0) | (value << (2 * (index & 3)));
  });
  return bytes;
}

export function encodeDelta(changes: [number, number][]): string {
  const bytes: number[] = [];
  let before = -1;
  for (const [ordinal, status] of changes) {
    let value = (ordinal - before - 1) * 4 + status;
    before = ordinal;
    while (value >= 128) {
      bytes.push((value % 128) + 128);
      value = Math.floor(value / 128);
    }
    bytes.push(value);
  }
  return btoa(String.fromCharCode(...bytes));
}

/** Two rows of ten seats, row B twice as far from the stage, and a standing area of five. */
export const smallHall = (): Geometry => decodeGeometry(smallHallBytes());

/** The same as it comes from the server. */
export function smallHallBytes(): ArrayBuffer {
  const seats: [number, number][] = [];
  for (const y of [100, 200]) for (let i = 0; i < 10; i += 1) seats.push([i * 20, y]);
  for (let i = 0; i < 5; i += 1) seats.push([300, 300]);
  return encodeGeometry({
    seats,
    meta: {
      size: { width: 400, height: 400 },
      focal: { x: 90, y: 0 },
      categories: [
        { name: 'Near', color: '#391B65' },
        { name: 'Far', color: '#184F19' },
      ],
      sections: [
        {
          id: 's1',
          name: 'Stalls',
          kind: 'seats',
          first: 0,
          count: 20,
          category: 0,
          outline: [
            [-10, 90],
            [190, 90],
            [190, 210],
            [-10, 210],
          ],
        },
        {
          id: 's2',
          name: 'Floor',
          kind: 'standing',
          first: 20,
          count: 5,
          category: 1,
          outline: [],
        },
      ],
      runs: [
        [0, 'A', 0, 10, 0, 1, 1],
        [0, 'B', 10, 9, 1, 20, -2],
        [0, 'B', 19, 1, 1, 'X1', 0],
      ],
      shapes: [],
    },
  });
}
