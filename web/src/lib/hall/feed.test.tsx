import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Feed, type FeedListener, type FeedParts, type StatusOfLayout } from './feed';
import { SeatState } from './state';
import { HELD } from './status';
import { encodeDelta, encodeStatus, smallHall } from './testing';

const snapshot = (status = new Array<number>(25).fill(0)) => encodeStatus(status, 1n);
const inText = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes));

let feed: Feed;
let listener: FeedListener;
let said: string[];
let state: SeatState;
const polled = (): StatusOfLayout => ({
  bytes: snapshot().buffer as ArrayBuffer,
  layout: 'now',
});
const fetchSnapshot = vi.fn(() => Promise.resolve(polled()));
const onLayout = vi.fn();

beforeEach(() => {
  vi.useFakeTimers();
  fetchSnapshot.mockClear();
  onLayout.mockClear();
  said = [];
  state = new SeatState(smallHall());
  const parts: FeedParts = {
    follow: (given) => {
      listener = given;
      return new Promise(() => undefined);
    },
    fetchSnapshot,
    onLayout,
    onConnection: (connection) => said.push(connection),
  };
  feed = new Feed(state, parts, 'now');
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

it('says that the plan is another, and applies nothing of it', () => {
  expect(() => listener.onMessage({ event: 'layout', data: '{"version":"later"}' })).toThrow(
    RangeError,
  );
  expect(onLayout).toHaveBeenCalledTimes(1);
});

it('says so where a polled snapshot is of another plan, though it has as many seats', async () => {
  listener.onCut();
  const taken = encodeStatus(new Array<number>(25).fill(HELD), 2n).buffer as ArrayBuffer;
  fetchSnapshot.mockResolvedValueOnce({ bytes: taken, layout: 'later' });
  await vi.advanceTimersByTimeAsync(4000);
  expect(onLayout).toHaveBeenCalledTimes(1);
  expect(said.at(-1)).toBe('lost');
  expect(state.status[3]).not.toBe(HELD);
});
