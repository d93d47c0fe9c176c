// @vitest-environment jsdom
import { describe, expect, it } from 'vitest';
import { ownEnglish } from './locale';
import {
  clockBeside,
  dayParts,
  deadline,
  formatClock,
  formatMoment,
  formatRemaining,
  fromWallClock,
  isKnownZone,
  momentsOf,
  offsetName,
  spokenRemaining,
  toWallClock,
} from './time';

describe('the countdown', () => {
  it('follows the server clock, however wrong the device is', () => {
    const wrongByAnHour = Date.parse('2026-11-22T21:00:00Z');
    const end = deadline('2026-11-22T20:10:00Z', '2026-11-22T20:00:00Z', wrongByAnHour);
    expect(end - wrongByAnHour).toBe(600_000);
  });

  it('never shows less than is left, and never less than nothing', () => {
    expect(formatRemaining(600_000)).toBe('10:00');
    expect(formatRemaining(400_001)).toBe('06:41');
    expect(formatRemaining(1)).toBe('00:01');
    expect(formatRemaining(-5000)).toBe('00:00');
    expect(formatRemaining(4_001_000)).toBe('1:06:41');
    expect(formatRemaining(3 * 86_400_000)).toBe('3 days');
  });

  it('is spoken in whole units', () => {
    expect(spokenRemaining(400_000)).toBe('7 minutes');
    expect(spokenRemaining(1000)).toBe('1 second');
  });
});

describe('venue time', () => {
  it.each([
    ['2026-12-12T19:30', 'Europe/Berlin', '2026-12-12T18:30:00Z'],
    ['2026-07-12T19:30', 'Europe/Berlin', '2026-07-12T17:30:00Z'],
    ['2026-03-29T03:30', 'Europe/Berlin', '2026-03-29T01:30:00Z'],
    ['2026-11-01T00:30', 'America/New_York', '2026-11-01T04:30:00Z'],
    ['2026-12-12T19:30', 'Asia/Kolkata', '2026-12-12T14:00:00Z'],
  ])('%s in %s', (local, zone, instant) => {
    expect(momentsOf(local, zone)).toEqual([instant]);
    expect(toWallClock(instant, zone)).toBe(local);
  });

  it('is nothing for what is no date, or no time of that day', () => {
    expect(momentsOf('tomorrow', 'Europe/Berlin')).toEqual([]);
    expect(momentsOf('2026-03-29T02:30', 'Europe/Berlin')).toEqual([]);
  });

  it.each([
    ['2026-10-25T02:30', 'Europe/Berlin', '2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z'],
    ['2026-11-01T01:30', 'America/New_York', '2026-11-01T05:30:00Z', '2026-11-01T06:30:00Z'],
    ['2026-04-05T01:45', 'Australia/Lord_Howe', '2026-04-04T14:45:00Z', '2026-04-04T15:15:00Z'],
  ])('%s comes twice in %s, and the offset tells which', (local, zone, first, second) => {
    expect(momentsOf(local, zone)).toEqual([first, second]);
    for (const instant of [first, second]) {
      expect(toWallClock(instant, zone)).toBe(local);
      expect(formatClock(instant, zone)).toContain(offsetName(instant, zone));
    }
    expect(offsetName(first, zone)).not.toBe(offsetName(second, zone));
  });
});

describe('a zone that the browser lacks', () => {
  it('is shown in UTC, and says so', () => {
    expect(formatClock('2026-12-12T18:30:00Z', 'Europe/Atlantis')).toBe('18:30 UTC');
    expect(formatMoment('2026-12-12T18:30:00Z', '')).toMatch(/18:30 UTC$/);
    expect(dayParts('2026-12-12T18:30:00Z', 'Mars/Olympus').day).toBe('12');
    expect(isKnownZone('Europe/Atlantis')).toBe(false);
    expect(isKnownZone('Europe/Berlin')).toBe(true);
  });

  it('can be edited, in UTC', () => {
    expect(toWallClock('2026-12-12T18:30:00Z', 'Europe/Atlantis')).toBe('2026-12-12T18:30');
    expect(fromWallClock('2026-12-12T18:30', 'Europe/Atlantis')).toBe('2026-12-12T18:30:00Z');
  });
});

it('takes the first name of an English that is one', () => {
  expect(ownEnglish(['de-DE', 'en-US@posix', 'en-AU'])).toBe('en-AU');
  expect(ownEnglish(['de-DE'])).toBe('en-GB');
});

it('tells the clock alone on the day of the other moment, by the clocks of the venue', () => {
  const start = '2030-03-01T19:00:00Z';
  expect(clockBeside('2030-03-01T18:00:00Z', start, 'UTC')).not.toMatch(/Mar/);
  expect(clockBeside('2030-03-02T01:00:00Z', start, 'UTC')).toMatch(/Mar/);
  expect(clockBeside('2030-03-02T01:00:00Z', start, 'America/New_York')).not.toMatch(/Mar/);
});
