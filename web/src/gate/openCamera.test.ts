import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { watch } from './openCamera';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('takes a code that stays in sight for one scan, and again after it was away', async () => {
  let inSight: string[] = ['ONE'];
  const read: string[] = [];
  const end = watch(
    () => Promise.resolve(inSight.map((rawValue) => ({ rawValue }))),
    (code) => read.push(code),
    () => expect.unreachable(),
  );
  await vi.advanceTimersByTimeAsync(5000);
  expect(read).toEqual(['ONE']);
  inSight = ['ONE', 'TWO'];
  await vi.advanceTimersByTimeAsync(1000);
  expect(read).toEqual(['ONE', 'TWO']);
  inSight = [];
  await vi.advanceTimersByTimeAsync(1500);
  inSight = ['TWO'];
  await vi.advanceTimersByTimeAsync(500);
  expect(read).toEqual(['ONE', 'TWO']); // a hand that trembles
  inSight = [];
  await vi.advanceTimersByTimeAsync(2500);
  inSight = ['TWO'];
  await vi.advanceTimersByTimeAsync(500);
  expect(read).toEqual(['ONE', 'TWO', 'TWO']);
  end();
  inSight = ['THREE'];
  await vi.advanceTimersByTimeAsync(5000);
  expect(read).toHaveLength(3);
});

it('says when nothing can be read any more', async () => {
  const failed = vi.fn();
  watch(() => Promise.reject(new Error('no memory')), vi.fn(), failed);
  await vi.advanceTimersByTimeAsync(5000);
  expect(failed).toHaveBeenCalledOnce();
});
