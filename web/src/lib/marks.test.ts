import { expect, it } from 'vitest';
import { shareOf } from './marks';

it('knows where in the line somebody is, as the server computes it', async () => {
  const of = (entrant: string) => shareOf('5e'.repeat(32), entrant.repeat(32));
  expect([await of('e1'), await of('e2')]).toEqual([0.8920575238298625, 0.526386130368337]);
});
