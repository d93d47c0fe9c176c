/** The interface speaks English, so numbers and dates follow the reader's own English, or British English. */
export const locale = navigator.languages.find((name) => name.startsWith('en')) ?? 'en-GB';
