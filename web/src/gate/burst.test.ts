import { describe, expect, it } from 'vitest';
import { noBurst, pressed, scannedBy, type Burst } from './burst';

const typed = (text: string, ms: number, field: string | null = null) => {
  let at = 1000;
  let burst: Burst = noBurst;
  for (const key of text) burst = pressed(burst, key, (at += ms), field);
  return { burst, at };
};

describe('a hardware scanner', () => {
  it('is told from a person by its speed', () => {
    const scan = typed('HF2ABCDEFG', 5);
    expect(scannedBy(scan.burst, scan.at + 5)).toBe('HF2ABCDEFG');
    const person = typed('HF2ABCDEFG', 90);
    expect(scannedBy(person.burst, person.at + 90)).toBeNull();
    expect(scannedBy(scan.burst, scan.at + 500)).toBeNull();
  });

  it('passes over keys that type nothing', () => {
    let { burst } = typed('HF2ABC', 5);
    burst = pressed(burst, 'Shift', 1035, null);
    burst = pressed(burst, 'D', 1040, null);
    burst = pressed(burst, 'E', 1045, null);
    expect(scannedBy(burst, 1050)).toBe('HF2ABCDE');
  });

  it('remembers what a field held before the first key, and forgets what was typed slowly', () => {
    let burst = pressed(noBurst, 'G', 0, 'Gate 1');
    burst = pressed(burst, 'H', 900, 'Gate 1G');
    for (const [index, key] of Array.from('F2ABCDEF').entries()) {
      burst = pressed(burst, key, 905 + index * 5, 'later');
    }
    expect(scannedBy(burst, 950)).toBe('HF2ABCDEF');
    expect(burst.before).toBe('Gate 1G');
  });

  it('reads more than two keys', () => {
    const { burst, at } = typed('abc', 2);
    expect(scannedBy(burst, at)).toBeNull();
  });
});
