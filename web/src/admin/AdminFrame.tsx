import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Page } from '@/ui/Page';
import { RequireSession } from '@/ui/RequireSession';

const screens = [
  { to: '/admin', label: 'Users' },
  { to: '/admin/audit', label: 'Audit log' },
  { to: '/admin/messages', label: 'Messages' },
  { to: '/admin/emails', label: 'Emails' },
  { to: '/admin/health', label: 'Health' },
] as const;

/** What every page of administration has: the way to the others. */
export function AdminFrame({ title, children }: { title: string; children: ReactNode }) {
  return (
    <RequireSession roles={['admin']}>
      <Page title={title}>
        <nav aria-label="Administration" className="flex flex-wrap gap-x-6 border-b border-line">
          {screens.map(({ to, label }) => (
            <Link
              key={to}
              to={to}
              activeOptions={{ exact: to === '/admin', includeSearch: false }}
              className="-mb-px inline-flex min-h-11 items-center border-b-2 border-transparent text-soft hover:text-ink aria-[current=page]:border-ink aria-[current=page]:font-semibold aria-[current=page]:text-ink"
            >
              {label}
            </Link>
          ))}
        </nav>
        {children}
      </Page>
    </RequireSession>
  );
}
