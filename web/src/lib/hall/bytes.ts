/** Thrown for data that does not follow docs/seat-map.md; a bug on one side or a broken transfer, never user input. */
export class FormatError extends Error {
  override name = 'FormatError';
}

export function fromBase64(text: string): Uint8Array {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

export function magic(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 4));
}
