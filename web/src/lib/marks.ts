/** What a draw orders by, as docs/fair-draw.md describes it. */

export type Bytes = Uint8Array<ArrayBuffer>;

/** Browsers compute hashes on pages that came over https, or from this device. */
export const canHash = () => (globalThis.crypto as Partial<Crypto>).subtle !== undefined;

/** Gives each entrant its mark by the seed of a draw: who has the least is first. */
export async function marker(seed: Bytes): Promise<(entrant: string) => Promise<Bytes>> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', seed, algorithm, false, ['sign']);
  return async (entrant) => new Uint8Array(await crypto.subtle.sign('HMAC', key, raw(entrant)));
}

/** Where in the line an entrant is, from 0 to 1, as nearly as one can know without the list. */
export async function shareOf(seed: string, entrant: string): Promise<number> {
  const mark = await (await marker(raw(seed)))(entrant);
  return new DataView(mark.buffer).getUint32(0) / 2 ** 32;
}

export const raw = (text: string): Bytes =>
  Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

export const hex = (bytes: Bytes) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
