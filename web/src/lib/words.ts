import { locale } from './locale';

const rules = new Intl.PluralRules('en');
const numbers = new Intl.NumberFormat(locale);
const lists = new Intl.ListFormat('en', { type: 'conjunction' });

export const count = (value: number) => numbers.format(value);

/** counted(2, 'seat') is "2 seats". */
export function counted(value: number, one: string, other = `${one}s`): string {
  return `${numbers.format(value)} ${rules.select(value) === 'one' ? one : other}`;
}

export const listed = (items: string[]) => lists.format(items);

interface Place {
  section_name?: string;
  row: string;
  number: string;
}

/** "Block A, row 3, seat 12"; a standing place has neither row nor seat. */
export function placeName(seat: Place): string {
  return [seat.section_name, seat.row && `row ${seat.row}`, seat.number && `seat ${seat.number}`]
    .filter(Boolean)
    .join(', ');
}
