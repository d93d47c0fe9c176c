import { expect, it } from 'vitest';
import { found, MOST_FOUND, personOf } from './people';

const people = ['Zoë Müller', 'Jean-Luc Picard', 'Ana María Núñez', 'Łukasz Mu'].map((name, seat) =>
  personOf({ ticket_id: `tkt_${String(seat)}`, name, seat: `Seat ${String(seat)}` }),
);
const names = (text: string) => found(people, text).map(({ name }) => name);

it.each([
  ['zoe', ['Zoë Müller']],
  ['MULLER z', ['Zoë Müller']],
  ['mu', ['Zoë Müller', 'Łukasz Mu']],
  ['luc', ['Jean-Luc Picard']],
  ['nunez ana', ['Ana María Núñez']],
  ['uller', []],
  ['  ', []],
])('%s', (text, expected) => {
  expect(names(text)).toEqual(expected);
});

it('shows no more than can be read', () => {
  const many = Array.from({ length: 100 }, (_, seat) =>
    personOf({ ticket_id: String(seat), name: 'Bo Buyer', seat: '' }),
  );
  expect(found(many, 'bo')).toHaveLength(MOST_FOUND);
});
