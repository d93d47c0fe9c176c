import { exponents } from '@/api/exponents';
import { locale } from './locale';

/** Three letters are always a currency to a browser, known or not; anything else would throw. */
const isCode = (currency: string) => /^[A-Za-z]{3}$/.test(currency);

/** By ISO 4217. The browser has its own idea of some (Iraqi dinars, for one), which is that of shop windows. */
export const minorDigits = (currency: string) => exponents[currency] ?? 2;

const formats = new Map<string, Intl.NumberFormat>();

/** €45 or €45.50: the cents are shown where there are any. */
export function formatMoney(minor: number, currency: string, language = locale): string {
  if (!isCode(currency)) return `${moneyInput(minor, currency)} ${currency}`;
  const key = `${language} ${currency}`;
  let format = formats.get(key);
  if (!format) {
    const digits = minorDigits(currency);
    const options: Intl.NumberFormatOptions & { trailingZeroDisplay: 'stripIfInteger' } = {
      style: 'currency',
      currency,
      currencyDisplay: 'narrowSymbol',
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
      trailingZeroDisplay: 'stripIfInteger',
    };
    format = new Intl.NumberFormat(language, options);
    formats.set(key, format);
  }
  return format.format(minor / 10 ** minorDigits(currency));
}

/** "45", "45.5" and "45,50" in minor units; null for anything that is no amount of this currency. */
export function parseMoney(text: string, currency: string): number | null {
  const digits = minorDigits(currency);
  const match = /^\s*(\d{1,10})(?:[.,](\d+))?\s*$/.exec(text);
  if (!match) return null;
  const fraction = match[2] ?? '';
  if (fraction.length > digits) return null;
  return Number(match[1]) * 10 ** digits + Number(fraction.padEnd(digits, '0') || '0');
}

/** An amount as one types it: 45.00, 1200, 1.500. */
export function moneyInput(minor: number, currency: string): string {
  const digits = minorDigits(currency);
  return (minor / 10 ** digits).toFixed(digits);
}
