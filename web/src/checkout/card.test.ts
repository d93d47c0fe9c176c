import { expect, it } from 'vitest';
import { cardErrors, formatExpiry, groupNumber, testCards } from './card';

it('groups the number while it is typed', () => {
  expect(groupNumber('42424')).toBe('4242 4');
  expect(groupNumber('4242-4242x4242 4242')).toBe('4242 4242 4242 4242');
  expect(groupNumber('4242')).toBe('4242');
});

it('puts the slash in, and lets it go again', () => {
  expect(formatExpiry('12', '1')).toBe('12/');
  expect(formatExpiry('1230', '123')).toBe('12/30');
  expect(formatExpiry('12', '12/')).toBe('12');
});

it('knows what a card looks like', () => {
  for (const { number } of testCards) {
    expect(cardErrors({ number: groupNumber(number), exp: '12/30', cvc: '123' })).toEqual({});
  }
  expect(Object.keys(cardErrors({ number: '4242', exp: '13/30', cvc: '1' }))).toEqual([
    'card.number',
    'card.exp',
    'card.cvc',
  ]);
});

it.each([
  ['12/2039', '12/39'],
  ['12 / 2039', '12/39'],
  ['122039', '12/39'],
  ['2039-12', '12/39'],
  ['1/39', '01/39'],
  ['1/2039', '01/39'],
  ['12/39', '12/39'],
  ['12/391', '12/39'],
  ['12-39', '12/39'],
])('reads %s as %s', (text, expiry) => {
  expect(formatExpiry(text)).toBe(expiry);
});

it('reads a year of four digits typed one by one', () => {
  let shown = '';
  for (const key of '12/2039') shown = formatExpiry(shown + key, shown);
  expect(shown).toBe('12/39');
  shown = '';
  for (const key of '122039') shown = formatExpiry(shown + key, shown);
  expect(shown).toBe('12/39');
});
