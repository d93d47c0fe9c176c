/**
 * The interface speaks English, so numbers and dates follow the reader's own English, or British English. Some systems
 * report names that are none, such as en-US@posix.
 */
export function ownEnglish(languages: readonly string[]): string {
  for (const name of languages) {
    if (!name.startsWith('en')) continue;
    try {
      const [locale] = Intl.getCanonicalLocales(name);
      if (locale !== undefined) return locale;
    } catch {
      // No name of a language: the next one may be.
    }
  }
  return 'en-GB';
}

export const locale = ownEnglish(navigator.languages);
