import { expect, it } from 'vitest';
import type { LineAudit } from '@/api/types';
import published from '../../../tests/vectors/draw.json?raw';
import { faultsOf, type Told } from './draw';

interface Vector {
  event_id: string;
  entrants: string[];
  server_seed: string;
  commitment: string;
  beacon: string;
  root: string;
  seed: string;
  line: string[];
}

const vectors = JSON.parse(published) as Vector[];

const audit = (vector: Vector): LineAudit => ({
  version: 1,
  event_id: vector.event_id,
  commitment: vector.commitment,
  server_seed: vector.server_seed,
  root: vector.root,
  beacon: vector.beacon
    ? { source: 'pair', round: null, value: vector.beacon, commitment: null }
    : null,
  seed: vector.seed,
  entrants: [...vector.entrants].sort().map((one) => [one, vector.line.indexOf(one) + 1]),
});
const told = ({ commitment, root }: Vector): Told => ({
  commitment,
  root,
  partnerCommitment: null,
  own: null,
});

it.each(vectors.map((vector) => [vector.entrants.length, vector] as const))(
  'repeats the draw of %i that others repeat too',
  async (_, vector) => {
    expect(await faultsOf(audit(vector), told(vector))).toEqual([]);
  },
);

const vector = vectors.reduce((one, other) =>
  other.entrants.length > one.entrants.length ? other : one,
);
const [first, second, ...others] = audit(vector).entrants;
if (!first || !second) throw new Error('The largest vector has two entrants at least.');
const own = { entrant: first[0], number: first[1] };

it.each<[string, RegExp, Partial<LineAudit>, Partial<Told>]>([
  ['another secret', /secret is not/, { server_seed: '00'.repeat(32) }, {}],
  ['a secret of later', /secret is not/, {}, { commitment: '00'.repeat(32) }],
  ['an organizer’s secret of later', /organizer’s/, {}, { partnerCommitment: '00'.repeat(32) }],
  ['another list', /list is not/, {}, { root: '00'.repeat(32) }],
  ['somebody left out', /sealed value/, { entrants: [second, ...others] }, {}],
  ['another order of the list', /sealed value/, { entrants: [second, first, ...others] }, {}],
  ['another seed', /seed does not follow/, { seed: '00'.repeat(32) }, {}],
  [
    'two numbers exchanged',
    /numbers are not/,
    { entrants: [[first[0], second[1]], [second[0], first[1]], ...others] },
    {},
  ],
  ['another number of one’s own', /Your number/, {}, { own: { ...own, number: own.number + 1 } }],
  [
    'a number of the draw for who was not in it',
    /Your number/,
    {},
    { own: { entrant: 'ff'.repeat(32), number: 1 } },
  ],
  ['another version', /version 1/, { version: 2 as 1 }, {}],
])('finds %s', async (_, fault, changes, said) => {
  const faults = await faultsOf({ ...audit(vector), ...changes }, { ...told(vector), ...said });
  expect(faults.join(' ')).toMatch(fault);
});

it.each([own, { entrant: 'ff'.repeat(32), number: vector.entrants.length + 1 }, null])(
  'finds nothing wrong with the place %j',
  async (place) => {
    expect(await faultsOf(audit(vector), { ...told(vector), own: place })).toEqual([]);
  },
);
