import { Link, useLocation } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useSubmission } from '@/lib/useSubmission';
import { Button, buttonClass } from '@/ui/Button';
import { Notice } from '@/ui/Notice';
import { refusalWords } from './words';

/** The token in the link of an email. It stands behind the `#`, which browsers keep to themselves. */
export const useLinkToken = () => useLocation({ select: ({ hash }) => hash });

interface Props {
  children: ReactNode;
  button: string;
  done: string;
  follow: (token: string) => Promise<void>;
}

/** Where the link of an email leads. It takes a press: mail programs open links by themselves. */
export function EmailedLink({ children, button, done, follow }: Props) {
  const token = useLinkToken();
  const following = useSubmission(() => follow(token));
  if (following.done) {
    return (
      <div className="grid justify-items-start gap-4">
        <Notice tone="ok" title="Thank you" testId="link-done">
          {done}
        </Notice>
        <Link to="/account" className={buttonClass('secondary')}>
          My account
        </Link>
      </div>
    );
  }
  return (
    <div className="grid justify-items-start gap-4">
      <p>{children}</p>
      {following.error && <Notice tone="bad">{refusalWords(following.error)}</Notice>}
      <Button
        busy={following.busy && 'One moment'}
        data-testid="follow-link"
        onClick={following.run}
      >
        {button}
      </Button>
    </div>
  );
}
