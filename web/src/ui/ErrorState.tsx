import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { ApiError } from '@/api/problem';
import { formatRemaining } from '@/lib/time';
import { useNow } from '@/lib/useNow';
import { Button, buttonClass } from './Button';

interface Props {
  error: unknown;
  /** What could not be shown, as the start of a sentence: "This event". */
  what: string;
  onRetry?: () => void;
  /** It is tried again without a press too. */
  repeats?: boolean;
}

function describe(error: unknown, what: string): { code: string; title: string; text: string } {
  if (!(error instanceof ApiError)) {
    return {
      code: '',
      title: 'Something broke in this page',
      text: 'Reload it; if that does not help, the fault is ours.',
    };
  }
  switch (error.status) {
    case 0:
      return {
        code: '',
        title: 'No connection',
        text: `${what} could not be loaded: the server did not answer. Check your connection.`,
      };
    case 401:
      return { code: '401', title: 'Sign in first', text: `${what} is shown after signing in.` };
    case 403:
      return { code: '403', title: 'Not yours to open', text: error.message };
    case 404:
      return {
        code: '404',
        title: 'Not found',
        text: `${what} does not exist, or it is not public.`,
      };
    case 429:
      return {
        code: '429',
        title: 'Too many requests',
        text: 'You asked more often than we can answer. Wait a moment; your place is not lost.',
      };
    case 502:
    case 503:
    case 504:
      return {
        code: String(error.status),
        title: 'Briefly unavailable',
        text: `${what} cannot be loaded right now. Nothing that you hold or paid for is lost.`,
      };
    default:
      return { code: String(error.status), title: 'That did not work', text: error.message };
  }
}

export function ErrorState({ error, what, onRetry, repeats }: Props) {
  const { code, title, text } = describe(error, what);
  const isFinal = error instanceof ApiError && [403, 404].includes(error.status);
  const wait = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) : 0;
  return (
    <section role="alert" className="mx-auto grid w-full max-w-lg gap-3 px-4 py-16">
      {code && <p className="display text-6xl text-soft">{code}</p>}
      <h1 className="display text-4xl">{title}</h1>
      <p className="text-soft">{text}</p>
      {repeats && !isFinal && <p className="text-soft">This page goes on by itself.</p>}
      <div className="mt-3 flex flex-wrap gap-3">
        {onRetry && !isFinal && (
          <RetryButton key={String(wait)} waitSeconds={wait} onRetry={onRetry} />
        )}
        <Link to="/" className={buttonClass('secondary')}>
          All events
        </Link>
      </div>
      {error instanceof ApiError && error.requestId && (
        <p className="text-xs text-soft">Request {error.requestId}</p>
      )}
    </section>
  );
}

function RetryButton({ waitSeconds, onRetry }: { waitSeconds: number; onRetry: () => void }) {
  const [until] = useState(() => Date.now() + waitSeconds * 1000);
  const now = useNow(waitSeconds > 0);
  const left = until - now;
  return (
    <Button onClick={onRetry} disabled={waitSeconds > 0 && left > 0}>
      {waitSeconds > 0 && left > 0 ? `Try again in ${formatRemaining(left)}` : 'Try again'}
    </Button>
  );
}
