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

export interface Place {
  section_name?: string;
  row: string;
  row_label?: string | null;
  number: string;
  seat_label?: string | null;
}

/** "row 3", or what the plan calls the row: "Table 5". */
export const rowName = ({ row, row_label: label }: Pick<Place, 'row' | 'row_label'>) =>
  label || (row && `row ${row}`);

/** "seat 12", or what the plan calls the seat: "Place 1". */
export const seatName = ({ number, seat_label: label }: Pick<Place, 'number' | 'seat_label'>) =>
  label || (number && `seat ${number}`);

const ours = /^(row|seat) /;

export const capitalized = (text: string) =>
  ours.test(text) ? `${text.charAt(0).toUpperCase()}${text.slice(1)}` : text;

/** "Block A, row 3, seat 12"; a standing place has neither row nor seat. */
export function placeName(seat: Place): string {
  const parts = [seat.section_name, rowName(seat), seatName(seat)].filter(Boolean).join(', ');
  return capitalized(parts);
}
