/**
 * Repeats a draw from its audit, as docs/fair-draw.md describes it: with what the browser has, and without asking the
 * server for anything else.
 */
import type { LineAudit } from '@/api/types';
import { hex, marker, raw, type Bytes } from '@/lib/marks';

/** What the line told of itself, and the person's own place where it was in the draw. */
export interface Told {
  commitment: string;
  root: string | null;
  partnerCommitment: string | null;
  own: { entrant: string; number: number | null } | null;
}

/** Why a draw does not hold, as sentences; none where it holds. */
export async function faultsOf(audit: LineAudit, told: Told): Promise<string[]> {
  if (Number(audit.version) !== 1) return ['This page can read version 1 of an audit only.'];
  const entrants = audit.entrants.map(([entrant]) => entrant);
  const secret = raw(audit.server_seed);
  const beacon = raw(audit.beacon?.value ?? '');
  const seed = await sha256(secret, raw(audit.root), beacon);
  const isSorted = entrants.every((one, at) => at === 0 || (entrants[at - 1] ?? '') < one);
  const checks: [holds: boolean, fault: string][] = [
    [
      hex(await sha256(secret)) === told.commitment,
      'The secret is not the one that was fixed before.',
    ],
    [
      told.partnerCommitment === null || hex(await sha256(beacon)) === told.partnerCommitment,
      'The organizer’s secret is not the one that was fixed before.',
    ],
    [audit.root === told.root, 'The list is not the one that was sealed.'],
    [
      isSorted && hex(await merkleRoot(entrants.map(raw))) === audit.root,
      'The sealed value is not that of the list.',
    ],
    [hex(seed) === audit.seed, 'The seed does not follow from the secrets and the list.'],
    [isSame(await drawn(seed, entrants), audit), 'The numbers are not those of the draw.'],
    [isOwnRight(audit, told), 'Your number is not the one that the draw gave you.'],
  ];
  return checks.filter(([holds]) => !holds).map(([, fault]) => fault);
}

/** Of who joined after the draw, the number comes after all that were drawn. */
function isOwnRight({ entrants }: LineAudit, { own }: Told): boolean {
  if (own?.number == null) return true;
  const drawnNumber = entrants.find(([entrant]) => entrant === own.entrant)?.[1];
  return drawnNumber === undefined ? own.number > entrants.length : own.number === drawnNumber;
}

const isSame = (order: string[], { entrants }: LineAudit) =>
  entrants.every(([entrant, number]) => order[number - 1] === entrant);

/** RFC 9162, 2.1.1: of two neighbours each, level by level; who has no neighbour goes up as it is. */
async function merkleRoot(leaves: Bytes[]): Promise<Bytes> {
  if (leaves.length === 0) return sha256();
  let level = await Promise.all(leaves.map((leaf) => sha256(Uint8Array.of(0), leaf)));
  while (level.length > 1) {
    const pairs = Array.from({ length: Math.ceil(level.length / 2) }, (_, at) =>
      level.slice(2 * at, 2 * at + 2),
    );
    level = await Promise.all(
      pairs.map(([left, right]) =>
        left && right ? sha256(Uint8Array.of(1), left, right) : Promise.resolve(left as Bytes),
      ),
    );
  }
  return level[0] as Bytes;
}

/** The entrants in the order of the draw. */
async function drawn(seed: Bytes, entrants: string[]): Promise<string[]> {
  const mark = await marker(seed);
  const marked = await Promise.all(
    entrants.map(async (entrant) => [hex(await mark(entrant)), entrant] as const),
  );
  return marked.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entrant]) => entrant);
}

async function sha256(...parts: Bytes[]): Promise<Bytes> {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', joined));
}
