import { Outlet, useRouterState } from '@tanstack/react-router';
import { cx } from '@/lib/cx';
import { Announcer } from './Announcer';
import { Header } from './Header';
import { HoldBanner } from './HoldBanner';
import { NewVersion } from './NewVersion';
import { Offline } from './Offline';

export function Layout() {
  const full = useRouterState({
    select: ({ matches }) => matches.some((match) => match.staticData.full),
  });
  return (
    <div className={cx('flex flex-col', full ? 'h-dvh overflow-hidden' : 'min-h-dvh')}>
      <a
        href="#main"
        className="sr-only z-50 rounded-md bg-ink px-4 py-3 text-paper focus:not-sr-only focus:absolute focus:m-2"
      >
        Skip to the content
      </a>
      <Announcer />
      <Header />
      <Offline />
      <NewVersion />
      <HoldBanner />
      <main id="main" tabIndex={-1} className="flex min-h-0 grow flex-col outline-none">
        <Outlet />
      </main>
      {!full && (
        <footer className="border-t border-line text-sm text-soft">
          <div className="mx-auto max-w-6xl px-4 py-6 md:px-8">
            Houseful. Prices include all fees. Times are those of the venue.
          </div>
        </footer>
      )}
    </div>
  );
}
