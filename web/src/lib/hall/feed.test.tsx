import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Feed, type FeedListener } from './feed';
import { SeatState } from './state';
import { HELD } from './status';
import { encodeDelta, encodeStatus, smallHall } from './testing';

const snapshot = (status = new Array<number>(25).fill(0)) => encodeStatus(status, 1n);
const inText = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes));

let feed: Feed;
let listener: FeedListener;
let said: string[];
let state: SeatState;
const fetchSnapshot = vi.fn(() => Promise.resolve(snapshot().buffer as ArrayBuffer));

beforeEach(() => {
  vi.useFakeTimers();
  fetchSnapshot.mockClear();
  said = [];
  state = new SeatState(smallHall());
  feed = new Feed(state, {
    follow: (given) => {
      listener = given;
      return new Promise(() => undefined);
    },
    fetchSnapshot,
    onConnection: (connection) => said.push(connection),
  });
  feed.start();
});

afterEach(() => {
  feed.stop();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it('is live from the first snapshot on, and applies what follows', () => {
  listener.onMessage({ event: 'snapshot', data: inText(snapshot()) });
  listener.onMessage({ event: 'delta', data: encodeDelta([[3, HELD]]) });
  expect(said.at(-1)).toBe('live');
  expect(state.status[3]).toBe(HELD);
});

it('is no longer live when the connection is cut, and polls until it is back', async () => {
  listener.onMessage({ event: 'snapshot', data: inText(snapshot()) });
  fetchSnapshot.mockClear();
  listener.onCut();
  expect(said.at(-1)).toBe('connecting');
  expect(fetchSnapshot).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(4000);
  expect(said.at(-1)).toBe('polling');
  await vi.advanceTimersByTimeAsync(12_000);
  expect(fetchSnapshot.mock.calls.length).toBeGreaterThanOrEqual(3);
  listener.onMessage({ event: 'snapshot', data: inText(snapshot()) });
  fetchSnapshot.mockClear();
  await vi.advanceTimersByTimeAsync(30_000);
  expect(fetchSnapshot).not.toHaveBeenCalled();
});

it('says that the map may be out of date where nothing answers, and at once where there is no network', async () => {
  listener.onMessage({ event: 'snapshot', data: inText(snapshot()) });
  fetchSnapshot.mockRejectedValueOnce(new Error('away'));
  listener.onCut();
  await vi.advanceTimersByTimeAsync(4000);
  expect(said).toContain('lost');
  listener.onMessage({ event: 'snapshot', data: inText(snapshot()) });
  vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false);
  listener.onCut();
  expect(said.at(-1)).toBe('lost');
});

it('refuses what it cannot apply, so that the connection begins anew', () => {
  expect(() => listener.onMessage({ event: 'delta', data: encodeDelta([[3, HELD]]) })).toThrow();
  listener.onMessage({ event: 'snapshot', data: inText(snapshot()) });
  expect(() => listener.onMessage({ event: 'delta', data: '%%%' })).toThrow();
  expect(() => listener.onMessage({ event: 'snapshot', data: 'abcd' })).toThrow();
});

it('lets go of the connection while the page is hidden', () => {
  listener.onMessage({ event: 'snapshot', data: inText(snapshot()) });
  const before = listener;
  vi.spyOn(document, 'hidden', 'get').mockReturnValue(true);
  document.dispatchEvent(new Event('visibilitychange'));
  expect(said.at(-1)).toBe('connecting');
  vi.spyOn(document, 'hidden', 'get').mockReturnValue(false);
  document.dispatchEvent(new Event('visibilitychange'));
  expect(listener).not.toBe(before);
});
