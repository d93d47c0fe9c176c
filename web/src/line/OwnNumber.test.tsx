import { act, screen } from '@testing-library/react';
import { HttpResponse } from 'msw';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Line, LineEntry } from '@/api/types';
import { answer, signInAs } from '@/test/api';
import { anEvent } from '@/test/events';
import { aLine, anEntry } from '@/test/line';
import { renderPage } from '@/test/render';
import { LineOf } from './LinePage';

vi.mock(import('@/lib/marks'), async (original) => ({
  ...(await original()),
  shareOf: () => Promise.resolve(0.5),
}));

let line: Line;
let entry: LineEntry;
let asked: number;

beforeEach(() => {
  asked = 0;
  signInAs('buyer');
  const terms = { mode: 'on', lobby_opens_at: null, beacon: 'none', commitment: null } as const;
  answer('get', '/events/evt_1', () => HttpResponse.json(anEvent({ line: terms })));
  answer('get', '/events/evt_1/line', () =>
    HttpResponse.json({ ...line, server_time: new Date().toISOString() }),
  );
  answer('get', '/events/evt_1/line/me', () => {
    asked += 1;
    return HttpResponse.json(entry);
  });
  vi.useFakeTimers({
    toFake: ['Date', 'setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'],
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

it('waits for its number after the draw', async () => {
  line = aLine({ phase: 'open', line_length: 100 });
  entry = anEntry();
  renderPage(<LineOf eventId="evt_1" />);
  await pass(500);
  expect(screen.getByTestId('line-joined')).toHaveTextContent('Your number is on its way');
  entry = anEntry({ number: 7 });
  await pass(4000);
  expect(screen.getByTestId('line-number')).toHaveTextContent('7');
});

it.each<[string, boolean, number]>([
  ['who was drawn asks for the number in turn', true, 50_000],
  ['who came later asks soon', false, 0],
])('after the draw %s', async (_, in_draw, turn) => {
  vi.spyOn(Math, 'random').mockReturnValue(0);
  const drawn = { drawn_at: new Date().toISOString(), seed: '5e'.repeat(32), number_seconds: 100 };
  line = aLine({ phase: 'open', line_length: 100_000, ...drawn });
  entry = anEntry({ in_draw });
  renderPage(<LineOf eventId="evt_1" />);
  await pass(500);
  expect(asked).toBe(1);
  await pass(Math.max(0, turn - 2000));
  expect(asked).toBe(1);
  entry = anEntry({ number: 51_000 });
  await pass(4000);
  expect(asked).toBe(2);
  expect(screen.getByTestId('line-number')).toHaveTextContent('51,000');
});
