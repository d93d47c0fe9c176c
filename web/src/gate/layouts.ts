/**
 * What scanners and keyboards make of a code on its way, and back; the ticket service does the same
 * (`scan_text.py`), and both are tested on `tests/unit/tickets/ticket_codes.json`. It offers the few texts
 * that may have been meant; only one with a valid signature is a ticket.
 */

type Layout = ReadonlyMap<string, string>;

const TEXT_LENGTH = 2000;
const MOST_READS = 4;

function layout(...tables: [typed: string, meant: string][]): Layout {
  return new Map(
    tables.flatMap(([typed, meant]) => {
      const keys = Array.from(typed);
      return Array.from(meant, (character, index): [string, string] => [
        keys[index] ?? '',
        character,
      ]);
    }),
  );
}

const shiftedDigits: [string, string] = ['1234567890', '!@#$%^&*()'];
const german: [string, string] = [
  'zyZYßüöäÜÖÄ#\'´-?_+*;:°^/"§$%&()=',
  'yzYZ-[;\'{:"\\|=/_?]}<>~`&@#$%^*()',
];
const french: [string, string][] = [
  ['aqzwAQZW,?;:!mM', 'qawzQAWZmM,./;:'],
  ['&é"\'(-è_çà', '1234567890'],
  [')$§°', '-]?_'],
  shiftedDigits,
];

const layouts: Layout[] = [
  layout(),
  layout(german),
  // With caps lock a German keyboard shifts digits and signs too.
  layout(german, ['!"§$%&/()=', '1234567890'], ["?_:;*'ß-.,+#", '-/.,]\\_?><}|'], shiftedDigits),
  layout(...french),
  layout(...french, ['1234567890', '1234567890'], ['./', '<?']),
];

const BETWEEN = /[\s\p{Cc}\u200b\ufeff]+/u;
const AIM = /\][A-Za-z][0-9A-Za-z]/;
const ADDRESS = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//;

/** Each code that may have been meant, the likeliest first; none where it looks like none of ours. */
export function readings(scanned: string): string[] {
  if (scanned.length > TEXT_LENGTH) return [];
  const found = layouts.flatMap((keys) => {
    const typed = Array.from(scanned, (character) => keys.get(character) ?? character).join('');
    return [unwrapped(typed), unwrapped(swapCase(typed))];
  });
  return [...new Set(found.filter((code) => code !== null))];
}

/** Caps lock turns the case around. */
function swapCase(text: string): string {
  return text.replace(/[A-Za-z]/g, (letter) =>
    letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase(),
  );
}

/** The one code in what was read, even where it was read more than once. */
function unwrapped(text: string): string | null {
  const parts = text.split(BETWEEN).flatMap((word) => word.split(AIM));
  const codes = new Set(parts.filter(Boolean).map((part) => outOfAddress(once(part))));
  const [code] = codes;
  if (codes.size !== 1 || code === undefined || !/^[\x20-\x7e]+$/.test(code)) return null;
  if (code.startsWith('HF1.')) return code;
  return /^HF2/i.test(code) ? code.toUpperCase() : null;
}

/** One of several reads that follow each other without anything between. */
function once(text: string): string {
  for (let reads = 2; reads <= MOST_READS; reads += 1) {
    const first = text.slice(0, Math.floor(text.length / reads));
    if (first !== '' && text === first.repeat(reads)) return first;
  }
  return text;
}

function outOfAddress(text: string): string {
  if (!ADDRESS.test(text)) return text;
  return (
    unescaped(text)
      .split(/[/?&=#]/)
      .find((part) => /^HF[12]/i.test(part)) ?? text
  );
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A per cent sign that begins no escape: the address is as it is.
    return text;
  }
}
