import { useQuery } from '@tanstack/react-query';
import { lettersQuery } from '@/api/queries';
import { Notice } from '@/ui/Notice';

/** Why the letter with the tickets has not come, where that is so. The tickets are on the page anyway. */
export function LetterWords({ orderId }: { orderId: string }) {
  const { data } = useQuery(lettersQuery(orderId));
  const letter = data?.find((one) => one.kind === 'confirmed');
  switch (letter?.state) {
    case 'waiting_for_proof':
      return (
        <Notice title="The letter waits for you" testId="letter-waits">
          We have written to this address once. Follow the link in that letter, and the tickets are
          sent too. They are here in any case.
        </Notice>
      );
    case 'refused':
      return (
        <Notice tone="warn" title="The letter could not be delivered" testId="letter-refused">
          The organizer can correct the address. Your tickets are here in any case.
        </Notice>
      );
    default:
      return null;
  }
}
