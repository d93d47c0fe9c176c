import { QueryClientProvider } from '@tanstack/react-query';
import {
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
  RouterProvider,
} from '@tanstack/react-router';
import { render } from '@testing-library/react';
import type { ReactNode } from 'react';
import { createQueryClient } from '@/api/queries';

/** A component at the address `at`, inside of what every page has: a query client and a router. */
export function renderPage(page: ReactNode, at = '/here') {
  const root = createRootRoute();
  const here = createRoute({
    getParentRoute: () => root,
    path: new URL(at, 'http://page').pathname,
    component: () => page,
  });
  const elsewhere = createRoute({ getParentRoute: () => root, path: '$', component: () => null });
  const router = createRouter({
    routeTree: root.addChildren([here, elsewhere]),
    history: createMemoryHistory({ initialEntries: [at] }),
  });
  const client = createQueryClient();
  const view = render(
    <QueryClientProvider client={client}>
      {/* The app's own router type knows the app's routes; a test's router has others. */}
      <RouterProvider router={router as never} />
    </QueryClientProvider>,
  );
  return { ...view, router, client };
}
