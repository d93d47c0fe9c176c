// @vitest-environment jsdom
import { describe, expect, it } from 'vitest';
import { currencies } from '@/api/limits';
import { formatMoney, moneyInput, parseMoney } from './money';

describe('money', () => {
  it('shows minor units only where there are any', () => {
    expect(formatMoney(4500, 'EUR', 'en-GB')).toBe('€45');
    expect(formatMoney(8950, 'EUR', 'en-GB')).toBe('€89.50');
    expect(formatMoney(1200, 'JPY', 'en-GB')).toBe('¥1,200');
  });

  it('reads amounts as people type them', () => {
    expect(parseMoney('45', 'EUR')).toBe(4500);
    expect(parseMoney(' 45.5 ', 'EUR')).toBe(4550);
    expect(parseMoney('45,05', 'EUR')).toBe(4505);
    expect(parseMoney('0.29', 'EUR')).toBe(29);
    expect(parseMoney('1200', 'JPY')).toBe(1200);
  });

  it.each(['', 'free', '-5', '45.505', '1.200,00', '1e3'])('refuses %j', (text) => {
    expect(parseMoney(text, 'EUR')).toBeNull();
  });

  it('has the minor units of ISO 4217, also where the browser shows others', () => {
    expect(formatMoney(1500, 'IQD', 'en-GB')).toContain('1.500');
    expect(formatMoney(1500, 'KWD', 'en-GB')).toContain('1.500');
    expect(formatMoney(1500, 'UGX', 'en-GB')).toContain('1,500');
    expect(formatMoney(150, 'LAK', 'en-GB')).toContain('1.50');
    expect(parseMoney('1.5', 'IQD')).toBe(1500);
    expect(moneyInput(1500, 'IQD')).toBe('1.500');
    for (const currency of currencies) {
      for (const minor of [0, 5, 1005, 10 ** 9]) {
        expect(parseMoney(moneyInput(minor, currency), currency)).toBe(minor);
      }
    }
  });

  it('refuses fractions that the currency does not have', () => {
    expect(parseMoney('12.5', 'JPY')).toBeNull();
  });

  it('comes back as it went in', () => {
    expect(parseMoney(moneyInput(8995, 'EUR'), 'EUR')).toBe(8995);
  });
});

it('shows an amount whose currency the browser cannot name', () => {
  expect(formatMoney(4550, 'XQZ', 'en-GB')).toMatch(/XQZ\s?45\.50/);
  expect(formatMoney(4550, 'EURO', 'en-GB')).toBe('45.50 EURO');
});
