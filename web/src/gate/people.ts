import type { GateName } from '@/api/types';

/** A ticket by its buyer's name. `words` are what a search looks at. */
export interface Person extends GateName {
  words: string[];
}

export const MOST_FOUND = 20;

/** Without case and accents: who types at a door has neither. */
export const folded = (text: string) =>
  text
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase();

export const wordsOf = (text: string) =>
  folded(text)
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean);

export const personOf = (named: GateName): Person => ({ ...named, words: wordsOf(named.name) });

/** Those of whose names each word of the text begins one; none where there is no text. */
export function found(people: readonly Person[], text: string): Person[] {
  const asked = wordsOf(text);
  if (asked.length === 0) return [];
  const matches: Person[] = [];
  for (const person of people) {
    if (asked.every((word) => person.words.some((one) => one.startsWith(word)))) {
      matches.push(person);
      if (matches.length === MOST_FOUND) break;
    }
  }
  return matches;
}
