import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { askAround, pauseBeforeAsking } from './opening';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it('spreads the questions of many over the second before the opening and the half after it', () => {
  expect(pauseBeforeAsking(60_000, 0, 0)).toBe(60_000);
  expect(pauseBeforeAsking(60_000, 0, 0.5)).toBe(59_500);
  expect(pauseBeforeAsking(600, 0, 0)).toBe(600);
  expect(pauseBeforeAsking(600, 0, 0.5)).toBe(850);
  expect(pauseBeforeAsking(-3000, 0, 0.5)).toBe(250);
});

it('corrects the clock now and then while the opening is far away', () => {
  const days = 40 * 86_400_000;
  expect(pauseBeforeAsking(days, 0, 0)).toBe(300_000);
  expect(pauseBeforeAsking(days, 0, 1)).toBe(600_000);
});

it('asks less and less often while nothing answers', () => {
  const pauses = [1, 2, 3, 10].map((failures) => pauseBeforeAsking(-1, failures, 1));
  expect(pauses).toEqual([500, 1000, 2000, 15_000]);
});

it('goes on asking after a failure, and waits for each answer', async () => {
  const ask = vi.fn().mockRejectedValueOnce(new Error('away')).mockResolvedValue(null);
  const stop = askAround(Date.now() + 5000, ask);
  await vi.advanceTimersByTimeAsync(3900);
  expect(ask).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(3000);
  expect(ask.mock.calls.length).toBeGreaterThanOrEqual(2);
  stop();
  ask.mockClear();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(ask).not.toHaveBeenCalled();
});

it('sets no timer that is too long for the browser', async () => {
  const ask = vi.fn().mockResolvedValue(null);
  const stop = askAround(Date.now() + 60 * 86_400_000, ask);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ask).not.toHaveBeenCalled();
  stop();
});
