import { readings } from './layouts';

/** What a code that one of the house's keys signed says. */
export interface Reading {
  ticketId: string;
  eventMark: string;
}

const ALPHABET = '0123456789ABCDEFGHJKLMNPQRSTUVWX';
const [TICKET_BYTES, MARK_BYTES, SIGNATURE_BYTES] = [16, 4, 64];
const BYTES = TICKET_BYTES + MARK_BYTES + SIGNATURE_BYTES;
const CHARACTERS = Math.ceil((BYTES * 8) / 5);

interface Claim extends Reading {
  signed: Uint8Array<ArrayBuffer>;
  signature: Uint8Array<ArrayBuffer>;
}

type Bytes = Uint8Array<ArrayBuffer>;

const hex = (bytes: Bytes) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

const utf8 = (text: string): Bytes => new Uint8Array(new TextEncoder().encode(text));

/** Whether this browser can check signatures at all; it does so at secure addresses only. */
export async function canVerify(): Promise<boolean> {
  try {
    await importKey(new Uint8Array(32).fill(1, 0, 1));
    return true;
  } catch {
    // There is no other way to ask: the algorithm, or the whole interface, is missing.
    return false;
  }
}

const importKey = (raw: Bytes) =>
  crypto.subtle.importKey('raw', raw, { name: 'Ed25519' }, false, ['verify']);

export async function eventMark(eventId: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', utf8(eventId));
  return hex(new Uint8Array(digest, 0, MARK_BYTES));
}

/** The ticket, if one of the keys (base64url, as the API has them) signed the code in what was scanned. */
export async function readCode(scanned: string, keys: readonly string[]): Promise<Reading | null> {
  for (const code of readings(scanned)) {
    const claim = code.startsWith('HF2') ? second(code) : await first(code);
    if (claim && (await isSigned(claim, keys))) {
      return { ticketId: claim.ticketId, eventMark: claim.eventMark };
    }
  }
  return null;
}

async function isSigned(claim: Claim, keys: readonly string[]): Promise<boolean> {
  for (const key of keys) {
    const raw = fromBase64(key);
    if (!raw) continue;
    const verified = await crypto.subtle.verify(
      { name: 'Ed25519' },
      await importKey(raw),
      claim.signature,
      claim.signed,
    );
    if (verified) return true;
  }
  return false;
}

function second(code: string): Claim | null {
  const raw = fromBase32(code.slice(3));
  if (!raw) return null;
  const said = raw.slice(0, TICKET_BYTES + MARK_BYTES);
  return {
    ticketId: `tkt_${hex(said.slice(0, TICKET_BYTES))}`,
    eventMark: hex(said.slice(TICKET_BYTES)),
    signed: new Uint8Array([...utf8('HF2'), ...said]),
    signature: raw.slice(TICKET_BYTES + MARK_BYTES),
  };
}

async function first(code: string): Promise<Claim | null> {
  const [version, body = '', signature = '', ...more] = code.split('.');
  const said = fromBase64(body);
  const raw = fromBase64(signature);
  if (version !== 'HF1' || !said || !raw || more.length > 0) return null;
  const [ticketId = '', ...event] = new TextDecoder().decode(said).split('.');
  return {
    ticketId,
    eventMark: await eventMark(event.join('.')),
    signed: utf8(`HF1.${body}`),
    signature: raw,
  };
}

/** Strictly: one text for one content, so that a code with a flipped bit is never the same ticket. */
function fromBase32(text: string): Bytes | null {
  if (text.length !== CHARACTERS) return null;
  const raw = new Uint8Array(BYTES);
  let bits = 0;
  let kept = 0;
  let at = 0;
  for (const character of text) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) return null;
    kept = (kept << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      if (at < BYTES) raw[at] = kept >> bits;
      at += 1;
      kept &= (1 << bits) - 1;
    }
  }
  return kept === 0 ? raw : null;
}

/** As strictly; null for what is no base64url without padding. */
function fromBase64(text: string): Bytes | null {
  if (!/^[A-Za-z0-9_-]+$/.test(text) || text.length % 4 === 1) return null;
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const again = btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  return again === text ? Uint8Array.from(binary, (one) => one.charCodeAt(0)) : null;
}
