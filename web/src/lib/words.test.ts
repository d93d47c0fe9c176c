// @vitest-environment jsdom
import { expect, it } from 'vitest';
import { counted, listed, placeName } from './words';

it('counts', () => {
  expect(counted(1, 'seat')).toBe('1 seat');
  expect(counted(0, 'seat')).toBe('0 seats');
  expect(counted(2, 'person', 'people')).toBe('2 people');
});

it('names places with and without a seat', () => {
  expect(placeName({ section_name: 'Block A', row: '3', number: '12' })).toBe(
    'Block A, row 3, seat 12',
  );
  expect(placeName({ section_name: 'Floor', row: '', number: '' })).toBe('Floor');
  const labels = { row_label: 'Tisch 5', seat_label: 'Platz 1' };
  expect(placeName({ section_name: 'Saal', row: '5', number: '1', ...labels })).toBe(
    'Saal, Tisch 5, Platz 1',
  );
  expect(placeName({ row: '', number: '7', row_label: null })).toBe('Seat 7');
  expect(listed(['a', 'b'])).toBe('a and b');
});
