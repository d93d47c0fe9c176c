import { account } from '@/api/account';
import { renewSession } from '@/api/http';
import { Page } from '@/ui/Page';
import { EmailedLink } from './EmailedLink';

export function VerifyPage() {
  return (
    <Page title="Confirm your address" width="narrow">
      <EmailedLink
        button="Confirm this address"
        done="Your email address is confirmed."
        follow={async (token) => {
          await account.verifyByLink(token);
          await renewSession();
        }}
      >
        You followed the link in an email about your account. Confirm that the address is yours. If
        you made no account here, close this page.
      </EmailedLink>
    </Page>
  );
}
