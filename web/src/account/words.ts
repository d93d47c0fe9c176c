import type { ApiError } from '@/api/problem';
import { counted } from '@/lib/words';

/** What a refusal of an account's forms means to the person. */
export function refusalWords(error: ApiError): string {
  if (error.code === 'bad_credentials') return 'The password is wrong.';
  if (error.status === 429) {
    const seconds = error.retryAfterSeconds ?? 60;
    const wait =
      seconds < 90 ? counted(seconds, 'second') : counted(Math.ceil(seconds / 60), 'minute');
    return `That was asked for too often. Wait ${wait} and try again.`;
  }
  if (error.status === 0) return 'The server did not answer. Check your connection.';
  return error.message;
}
