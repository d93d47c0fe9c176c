import { Link, useRouterState } from '@tanstack/react-router';
import { Menu } from 'lucide';
import { useEffect, useRef } from 'react';
import { hasRole, useSession } from '@/api/session';
import { Icon } from '@/ui/Icon';

interface Entry {
  to: '/' | '/orders' | '/organizer' | '/gate' | '/admin' | '/account';
  label: string;
}

function useEntries(): Entry[] {
  const user = useSession((session) => session.user);
  const entries: Entry[] = [{ to: '/', label: 'Events' }];
  if (!user) return entries;
  entries.push({ to: '/orders', label: 'My orders' });
  if (hasRole(user, 'organizer', 'admin')) entries.push({ to: '/organizer', label: 'Organize' });
  if (hasRole(user, 'gate', 'organizer', 'admin')) entries.push({ to: '/gate', label: 'Gate' });
  if (hasRole(user, 'admin')) entries.push({ to: '/admin', label: 'Administration' });
  entries.push({ to: '/account', label: user.name });
  return entries;
}

const linkClass =
  'inline-flex min-h-11 items-center text-[0.9375rem] text-soft hover:text-ink aria-[current=page]:font-semibold aria-[current=page]:text-ink';

export function Header() {
  const entries = useEntries();
  const status = useSession((session) => session.status);
  const href = useRouterState({ select: ({ location }) => location.href });
  const path = useRouterState({ select: ({ location }) => location.pathname });
  const menu = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (menu.current?.matches(':popover-open')) menu.current.hidePopover();
  }, [href]);

  const next = path === '/sign-in' || path === '/sign-up' ? {} : { next: href };
  const signIn = status === 'anonymous' && (
    <Link to="/sign-in" search={next} className={`${linkClass} font-semibold text-ink!`}>
      Sign in
    </Link>
  );
  return (
    <header className="border-b border-line">
      <div className="mx-auto flex min-h-14 max-w-[100rem] items-center gap-6 px-4 md:px-8">
        <Link to="/" className="inline-flex min-h-11 items-center display text-[1.75rem]">
          Houseful
        </Link>
        <nav aria-label="Main" className="ml-auto hidden gap-6 md:flex">
          {entries.map((entry) => (
            <Link
              key={entry.to}
              to={entry.to}
              className={`${linkClass} max-w-40`}
              activeOptions={{ exact: entry.to === '/', includeSearch: false }}
            >
              <span className="truncate">{entry.label}</span>
            </Link>
          ))}
          {signIn}
        </nav>
        <div className="ml-auto flex items-center gap-4 md:hidden">
          {signIn}
          {entries.length > 1 && (
            <button
              type="button"
              popoverTarget="menu"
              aria-label="Menu"
              className="-mr-2 grid size-11 place-items-center"
            >
              <Icon of={Menu} className="size-5.5" />
            </button>
          )}
        </div>
        <div
          ref={menu}
          id="menu"
          popover="auto"
          className="inset-auto top-14 right-0 left-0 m-0 w-full border-y border-line bg-paper px-4 py-2 text-ink"
        >
          <nav aria-label="Menu" className="grid divide-y divide-line">
            {entries.map((entry) => (
              <Link key={entry.to} to={entry.to} className={linkClass}>
                {entry.label}
              </Link>
            ))}
          </nav>
        </div>
      </div>
    </header>
  );
}
