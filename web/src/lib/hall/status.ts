import { FormatError, fromBase64, magic } from './bytes';

export const AVAILABLE = 0;
export const HELD = 1;
export const SOLD = 2;
export const BLOCKED = 3;

export interface Snapshot {
  version: string;
  /** One byte a seat: AVAILABLE, HELD, SOLD or BLOCKED. */
  status: Uint8Array;
}

const HEADER_BYTES = 16;

export function decodeStatus(bytes: Uint8Array): Snapshot {
  if (bytes.length < HEADER_BYTES || magic(bytes) !== 'HFS1') {
    throw new FormatError('This is no seat status.');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint32(4, true);
  if (bytes.length !== HEADER_BYTES + Math.ceil(count / 4)) {
    throw new FormatError('The seat status is cut short.');
  }
  const status = new Uint8Array(count);
  for (let i = 0; i < count; i += 1) {
    status[i] = ((bytes[HEADER_BYTES + (i >> 2)] ?? 0) >> (2 * (i & 3))) & 3;
  }
  return { version: view.getBigUint64(8, true).toString(), status };
}

export const decodeStatusText = (base64: string) => decodeStatus(fromBase64(base64));

/** Calls `apply` for every changed seat of a delta message, in order of ordinals. */
export function readDelta(
  base64: string,
  count: number,
  apply: (ordinal: number, status: number) => void,
): void {
  const bytes = fromBase64(base64);
  let ordinal = -1;
  for (let at = 0; at < bytes.length;) {
    let value = 0;
    let scale = 1;
    let byte = 0x80;
    while (byte >= 0x80) {
      if (at >= bytes.length) throw new FormatError('A change ends in the middle of a number.');
      byte = bytes[at] ?? 0;
      at += 1;
      // Multiplication, not shifts: those would go wrong above 2^31.
      value += (byte & 0x7f) * scale;
      scale *= 128;
    }
    ordinal += 1 + Math.floor(value / 4);
    if (ordinal >= count) throw new FormatError('A change names a seat outside of the map.');
    apply(ordinal, value % 4);
  }
}
