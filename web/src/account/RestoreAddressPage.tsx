import { account } from '@/api/account';
import { endSession } from '@/api/session';
import { Page } from '@/ui/Page';
import { EmailedLink } from './EmailedLink';

export function RestoreAddressPage() {
  return (
    <Page title="Change it back" width="narrow">
      <EmailedLink
        button="Give me my address back"
        done="The account has its former address again, and every device was signed out. An email with a link for a new password is on its way to you."
        follow={async (token) => {
          await account.restoreEmail(token);
          endSession();
        }}
      >
        The email address of your account was changed. If that was not you, take the account back:
        it gets its former address, every device is signed out, and you set a new password.
      </EmailedLink>
    </Page>
  );
}
