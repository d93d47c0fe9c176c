// @vitest-environment jsdom
import { expect, it } from 'vitest';
import { nameOf } from './basket';
import { decodeGeometry } from '@/lib/hall/geometry';
import { encodeGeometry, smallHall } from '@/lib/hall/testing';

const meta = {
  size: { width: 1, height: 1 },
  focal: { x: 0, y: 0 },
  categories: [],
  shapes: [],
};

it('calls seats by section, row and number', () => {
  const hall = smallHall();
  expect(nameOf(hall, 3)).toBe('Stalls, row A, seat 4');
  expect(nameOf(hall, 22)).toBe('Floor');
});

it('calls seats what the plan calls them', () => {
  const section = { kind: 'seats', category: 0, outline: [] };
  const hall = decodeGeometry(
    encodeGeometry({
      seats: [
        [0, 0],
        [20, 0],
        [0, 40],
        [0, 80],
      ],
      meta: {
        ...meta,
        sections: [
          { ...section, id: 'section', name: '', first: 0, count: 3 },
          { ...section, id: 'section-2', name: '', first: 3, count: 1 },
        ],
        runs: [
          [0, '5', 0, 2, 0, 1, 1, 'Tisch 5', 'Platz %s'],
          [0, '', 2, 1, 0, '', 0, 'Sofa', ''],
          [1, '3', 3, 1, 0, 12, 1],
        ],
      },
    }),
  );
  const names = [0, 1, 2, 3].map((ordinal) => nameOf(hall, ordinal));
  expect(names).toEqual(['Tisch 5, Platz 1', 'Tisch 5, Platz 2', 'Sofa', 'Row 3, seat 12']);
  expect(hall.sections.map(({ title }) => title)).toEqual(['Seats (1 of 2)', 'Seats (2 of 2)']);
});
