import { describe, expect, it } from 'vitest';
import { FormatError } from './bytes';
import { decodeGeometry, seatLabel, seatNumber, seatPitch } from './geometry';
import { Scene } from './scene';
import { encodeGeometry, smallHall } from './testing';

const meta = {
  size: { width: 1, height: 1 },
  focal: { x: 0, y: 0 },
  categories: [],
  sections: [],
  runs: [],
  shapes: [],
};

describe('the geometry', () => {
  it('gives every seat its place, row, number and category', () => {
    const hall = smallHall();
    expect(hall.count).toBe(25);
    expect([hall.x[3], hall.y[3], hall.x[13], hall.y[13]]).toEqual([60, 100, 60, 200]);
    const place = { section_name: 'Stalls', row_label: '', seat_label: '' };
    expect(seatLabel(hall, 3)).toEqual({ ...place, row: 'A', number: '4' });
    expect(seatLabel(hall, 11)).toEqual({ ...place, row: 'B', number: '18' });
    expect(seatNumber(hall, 19)).toBe('X1');
    expect([hall.category[0], hall.category[10]]).toEqual([0, 1]);
  });

  it('knows standing places without a run', () => {
    const hall = smallHall();
    const nowhere = { row: '', row_label: '', number: '', seat_label: '' };
    expect(seatLabel(hall, 22)).toEqual({ section_name: 'Floor', ...nowhere });
    expect([hall.section[22], hall.category[22], seatNumber(hall, 22)]).toEqual([1, 1, '']);
  });

  it('undoes differences that wrapped around', () => {
    const seats: [number, number][] = [
      [-32000, 5],
      [32000, -5],
      [-1, 0],
    ];
    const decoded = decodeGeometry(encodeGeometry({ seats, meta }));
    expect([...decoded.x]).toEqual([-32000, 32000, -1]);
    expect([...decoded.y]).toEqual([5, -5, 0]);
  });

  it('refuses what is cut short or something else', () => {
    const whole = encodeGeometry({ seats: [[1, 1]], meta });
    expect(() => decodeGeometry(whole.slice(0, -1))).toThrow(FormatError);
    expect(() => decodeGeometry(new ArrayBuffer(40))).toThrow(FormatError);
  });

  it('measures the distance between neighbours', () => {
    expect(seatPitch(smallHall())).toBe(20);
  });

  it('finds sections by point, also those without an outline', () => {
    const scene = new Scene(smallHall());
    expect(scene.sectionAt(50, 150)).toBe(0);
    expect(scene.sectionAt(300, 300)).toBe(1);
    expect(scene.sectionAt(300, 10)).toBe(-1);
  });

  it('offers seats for pointing at, but no standing places', () => {
    const { grid } = new Scene(smallHall());
    expect(grid.nearest(62, 103, 10)).toBe(3);
    expect(grid.nearest(300, 300, 10)).toBe(-1);
  });
});

describe('an amended plan', () => {
  it('knows the seats that were removed: those in no run of a section with seats', () => {
    const sections = [
      { id: 's', name: 'S', kind: 'seats', first: 0, count: 4, category: 0, outline: [] },
      { id: 'f', name: 'F', kind: 'standing', first: 4, count: 2, category: 0, outline: [] },
    ];
    const runs = [
      [0, 'A', 0, 1, 0, 1, 1],
      [0, 'A', 2, 2, 0, 3, 1],
    ];
    const categories = [{ name: 'A', color: '#000000' }];
    const size = { width: 100, height: 100 };
    const plan = { size, focal: { x: 0, y: 0 }, categories, sections, runs, shapes: [] };
    const seats: [number, number][] = [0, 1, 2, 3, 4, 5].map((seat) => [seat * 20, 0]);
    const geometry = decodeGeometry(encodeGeometry({ seats, meta: plan }));
    expect([...geometry.gone]).toEqual([0, 1, 0, 0, 0, 0]);
    const drawn: number[] = [];
    new Scene(geometry).grid.visit(0, 0, 100, 100, (seat) => drawn.push(seat));
    expect(drawn.sort()).toEqual([0, 2, 3]);
  });
});
