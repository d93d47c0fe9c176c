import { describe, expect, it, vi } from 'vitest';
import { Intent, randomId } from './intent';
import { ApiError } from './problem';

const noWait = () => Promise.resolve();
const lost = new ApiError(0, {});

describe('an intent', () => {
  it('repeats a lost request under the same key', async () => {
    const keys: string[] = [];
    const answer = await new Intent(noWait).run({ seats: [1] }, (key) => {
      keys.push(key);
      return keys.length < 3 ? Promise.reject(lost) : Promise.resolve('held');
    });
    expect(answer).toBe('held');
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
  });

  it('keeps its key for the next press when every attempt was lost', async () => {
    const intent = new Intent(noWait);
    const keys: string[] = [];
    const send = (key: string) => {
      keys.push(key);
      return Promise.reject(lost);
    };
    await expect(intent.run('same', send)).rejects.toBe(lost);
    await expect(intent.run('same', send)).rejects.toBe(lost);
    expect(new Set(keys).size).toBe(1);
  });

  it('is another one with another payload, and after a definite answer', async () => {
    const intent = new Intent(noWait);
    const keys: string[] = [];
    const refuse = (key: string) => {
      keys.push(key);
      return Promise.reject(new ApiError(409, { code: 'seats_taken' }));
    };
    await expect(intent.run([1, 2], refuse)).rejects.toMatchObject({ status: 409 });
    await expect(intent.run([1, 2], refuse)).rejects.toMatchObject({ status: 409 });
    await expect(intent.run([1], refuse)).rejects.toMatchObject({ status: 409 });
    expect(new Set(keys).size).toBe(3);
  });

  it('stays open while the server still works on an earlier attempt', async () => {
    const intent = new Intent(noWait);
    const keys: string[] = [];
    const running = new ApiError(409, { code: 'still_running' }, 1);
    const send = (key: string) => {
      keys.push(key);
      return keys.length < 5 ? Promise.reject(running) : Promise.resolve('held');
    };
    await expect(intent.run('same', send)).rejects.toBe(running);
    expect(await intent.run('same', send)).toBe('held');
    expect(keys).toHaveLength(5);
    expect(new Set(keys).size).toBe(1);
  });

  it('does not keep a person waiting for a third attempt at a server that is frozen', async () => {
    vi.useFakeTimers();
    let calls = 0;
    const send = () => {
      calls += 1;
      vi.advanceTimersByTime(7000);
      return Promise.reject(lost);
    };
    await expect(new Intent(noWait).run('x', send)).rejects.toBe(lost);
    expect(calls).toBe(2);
    vi.useRealTimers();
  });

  it('waits as long as the server asks, within reason', async () => {
    const wait = vi.fn(noWait);
    const busy = new ApiError(503, {}, 2);
    let calls = 0;
    await new Intent(wait).run('x', () => {
      calls += 1;
      return calls === 1 ? Promise.reject(busy) : Promise.resolve(1);
    });
    expect(wait).toHaveBeenCalledExactlyOnceWith(2000);
  });
});

it('makes proper UUIDs without a secure context', () => {
  vi.stubGlobal('crypto', {
    getRandomValues: (bytes: Uint8Array<ArrayBuffer>) => bytes.fill(255),
  });
  expect(randomId()).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff');
  vi.unstubAllGlobals();
});
