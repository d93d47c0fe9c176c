import { getRouteApi, Link } from '@tanstack/react-router';
import * as calls from '@/api/calls';
import { useSubmission } from '@/lib/useSubmission';
import { Button, buttonClass } from '@/ui/Button';
import { Notice } from '@/ui/Notice';
import { Page } from '@/ui/Page';

const route = getRouteApi('/letters/$token');

/** Where the link in an email leads. It takes a press: mail programs open links by themselves. */
export function ProofPage() {
  const { token } = route.useParams();
  return (
    <Page title="Is this address yours?" width="narrow">
      <Proof token={token} />
    </Page>
  );
}

export function Proof({ token }: { token: string }) {
  const proof = useSubmission(() => calls.emails.prove(token));
  if (proof.done) {
    return (
      <div className="grid justify-items-start gap-4">
        <Notice tone="ok" title="Thank you" testId="proof-done">
          What you order with this address is sent there from now on.
        </Notice>
        <Link to="/orders" className={buttonClass('secondary')}>
          My orders
        </Link>
      </div>
    );
  }
  return (
    <div className="grid justify-items-start gap-4">
      <p>
        You followed the link in an email about an order. If you placed that order, say so: its
        emails come to you from now on. If you did not, close this page; nothing more is sent to
        you.
      </p>
      {proof.error && <Notice tone="bad">{proof.error.message}</Notice>}
      <Button busy={proof.busy && 'One moment'} data-testid="prove-address" onClick={proof.run}>
        Yes, send my emails here
      </Button>
    </div>
  );
}
