export interface TestCard {
  number: string;
  outcome: string;
}

/** The payment gateway is a simulation: the number decides what happens. */
export const testCards: TestCard[] = [
  { number: '4242424242424242', outcome: 'Succeeds' },
  { number: '4000000000000002', outcome: 'Declined' },
  { number: '4000000000009995', outcome: 'Not enough money' },
  { number: '4000002760003184', outcome: 'Bank asks for confirmation' },
  { number: '4000000000000077', outcome: 'Succeeds after 5 seconds' },
  { number: '4000000000000341', outcome: 'Succeeds, but the answer is lost' },
];

const digits = (text: string) => text.replace(/\D/g, '');

/** "4242424242424242" as it is printed on the card: in groups of four. */
export function groupNumber(text: string): string {
  return digits(text)
    .slice(0, 19)
    .replace(/(.{4})(?=.)/g, '$1 ');
}

/**
 * Puts the slash into "1227" while it is typed, and lets it be deleted again. Takes what people and password managers
 * write for it: "1/27", "12/2027", "2027-12".
 */
export function formatExpiry(text: string, before = ''): string {
  const iso = /^\s*(\d{4})-(\d\d)\s*$/.exec(text);
  const written = iso
    ? `${iso[2] ?? ''}/${iso[1] ?? ''}`
    : text.replace(/^\s*(\d)\s*[/.-]/, '0$1/');
  const all = digits(written);
  // "12/20" may be on its way to "12/2039", whose century nobody needs.
  const value = all.length > 4 && all.slice(2, 4) === '20' ? all.slice(0, 6) : all.slice(0, 4);
  const isDeleting = text.length < before.length;
  if (value.length < 2 || (value.length === 2 && isDeleting)) return value;
  return `${value.slice(0, 2)}/${value.length === 6 ? value.slice(4) : value.slice(2)}`;
}

export function cardErrors(card: { number: string; exp: string; cvc: string }) {
  const errors: Record<string, string> = {};
  const length = digits(card.number).length;
  if (length < 13 || length > 19) errors['card.number'] = 'A card number has 13 to 19 digits.';
  if (!/^(0[1-9]|1[0-2])\/\d\d$/.test(card.exp)) {
    errors['card.exp'] = 'Month and year, like 12/29.';
  }
  if (!/^\d{3,4}$/.test(card.cvc)) errors['card.cvc'] = 'Three or four digits.';
  return errors;
}
