import { useQuery } from '@tanstack/react-query';
import { emailsQuery } from '@/api/queries';
import { Notice } from '@/ui/Notice';

/** Why the email with the tickets has not come, where that is so. The tickets are on the page anyway. */
export function EmailNotice({ orderId }: { orderId: string }) {
  const { data } = useQuery(emailsQuery(orderId));
  const email = data?.find((one) => one.kind === 'confirmed');
  switch (email?.state) {
    case 'waiting_for_proof':
      return (
        <Notice title="The email waits for you" testId="email-waits">
          We have written to this address once. Follow the link in that email, and the tickets are
          sent too. They are here in any case.
        </Notice>
      );
    case 'refused':
      return (
        <Notice tone="warn" title="The email could not be delivered" testId="email-refused">
          The organizer can correct the address. Your tickets are here in any case.
        </Notice>
      );
    default:
      return null;
  }
}
