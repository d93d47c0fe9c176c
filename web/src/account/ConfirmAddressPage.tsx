import { account } from '@/api/account';
import { renewSession } from '@/api/http';
import { Page } from '@/ui/Page';
import { EmailedLink } from './EmailedLink';

export function ConfirmAddressPage() {
  return (
    <Page title="New email address" width="narrow">
      <EmailedLink
        button="Use this address"
        done="The account has this address now. Sign in with it from now on."
        follow={async (token) => {
          await account.confirmEmail(token);
          await renewSession();
        }}
      >
        You followed the link in an email to the new address of your account. If you asked for no
        change, close this page.
      </EmailedLink>
    </Page>
  );
}
