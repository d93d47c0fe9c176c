import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from '@tanstack/react-router';
import { HomePage } from '@/browse/HomePage';
import { PageSkeleton } from '@/ui/Skeleton';
import { Layout } from './Layout';
import { NotFound } from './NotFound';
import { load } from './NotLoaded';
import { PageError } from './PageError';

type Search = Record<string, unknown>;

const text = (value: unknown) =>
  typeof value === 'string' && value !== ''
    ? value
    : typeof value === 'number'
      ? String(value)
      : undefined;

/** Only the keys that have a value, so that addresses stay short. */
function pick<K extends string>(search: Search, ...keys: K[]): { [key in K]?: string } {
  const result: { [key in K]?: string } = {};
  for (const key of keys) {
    const value = text(search[key]);
    if (value !== undefined) result[key] = value;
  }
  return result;
}

const root = createRootRoute({ component: Layout, notFoundComponent: NotFound });

const routes = [
  createRoute({
    getParentRoute: () => root,
    path: '/',
    validateSearch: (search: Search) => pick(search, 'q', 'from', 'to'),
    component: HomePage,
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/events/$eventId',
    component: lazyRouteComponent(
      load(() => import('@/browse/EventPage')),
      'EventPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/events/$eventId/seats',
    validateSearch: (search: Search) => pick(search, 'resume'),
    staticData: { full: true },
    component: lazyRouteComponent(
      load(() => import('@/seatmap/PickerPage')),
      'PickerPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/events/$eventId/line',
    validateSearch: (search: Search) => pick(search, 'join', 'from'),
    component: lazyRouteComponent(
      load(() => import('@/line/LinePage')),
      'LinePage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/checkout/$holdId',
    component: lazyRouteComponent(
      load(() => import('@/checkout/CheckoutPage')),
      'CheckoutPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/orders',
    component: lazyRouteComponent(
      load(() => import('@/tickets/OrdersPage')),
      'OrdersPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/orders/$orderId',
    component: lazyRouteComponent(
      load(() => import('@/tickets/OrderPage')),
      'OrderPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/letters/$token',
    component: lazyRouteComponent(
      load(() => import('@/tickets/ProofPage')),
      'ProofPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/sign-in',
    validateSearch: (search: Search) => pick(search, 'next'),
    component: lazyRouteComponent(
      load(() => import('@/account/SignInPage')),
      'SignInPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/sign-up',
    validateSearch: (search: Search) => pick(search, 'next'),
    component: lazyRouteComponent(
      load(() => import('@/account/SignUpPage')),
      'SignUpPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/account',
    component: lazyRouteComponent(
      load(() => import('@/account/AccountPage')),
      'AccountPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/account/verify',
    component: lazyRouteComponent(
      load(() => import('@/account/VerifyPage')),
      'VerifyPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/account/reset-password',
    component: lazyRouteComponent(
      load(() => import('@/account/ResetPasswordPage')),
      'ResetPasswordPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/account/new-password',
    component: lazyRouteComponent(
      load(() => import('@/account/NewPasswordPage')),
      'NewPasswordPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/account/confirm-address',
    component: lazyRouteComponent(
      load(() => import('@/account/ConfirmAddressPage')),
      'ConfirmAddressPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/account/restore-address',
    component: lazyRouteComponent(
      load(() => import('@/account/RestoreAddressPage')),
      'RestoreAddressPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/organizer',
    component: lazyRouteComponent(
      load(() => import('@/organizer/MyEventsPage')),
      'MyEventsPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/organizer/new',
    component: lazyRouteComponent(
      load(() => import('@/organizer/NewEventPage')),
      'NewEventPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/organizer/$eventId',
    component: lazyRouteComponent(
      load(() => import('@/organizer/ManagePage')),
      'ManagePage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/organizer/$eventId/edit',
    component: lazyRouteComponent(
      load(() => import('@/organizer/EditEventPage')),
      'EditEventPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/organizer/$eventId/control',
    component: lazyRouteComponent(
      load(() => import('@/organizer/control/ControlPage')),
      'ControlPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/organizer/$eventId/orders',
    validateSearch: (search: Search) => pick(search, 'q'),
    component: lazyRouteComponent(
      load(() => import('@/organizer/DeskPage')),
      'DeskPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/organizer/$eventId/orders/$orderId',
    component: lazyRouteComponent(
      load(() => import('@/organizer/DeskPage')),
      'DeskOrderPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/gate',
    staticData: { full: true },
    component: lazyRouteComponent(
      load(() => import('@/gate/GatePage')),
      'GatePage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/admin',
    validateSearch: (search: Search) => pick(search, 'q'),
    component: lazyRouteComponent(
      load(() => import('@/admin/AdminPages')),
      'UsersPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/admin/users/$userId',
    component: lazyRouteComponent(
      load(() => import('@/admin/AdminPages')),
      'UserPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/admin/audit',
    validateSearch: (search: Search) => pick(search, 'actor', 'object', 'act', 'from', 'to'),
    component: lazyRouteComponent(
      load(() => import('@/admin/AdminPages')),
      'AuditPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/admin/messages',
    component: lazyRouteComponent(
      load(() => import('@/admin/AdminPages')),
      'MessagesPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/admin/messages/$service/$key',
    component: lazyRouteComponent(
      load(() => import('@/admin/AdminPages')),
      'ParkedPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/admin/emails',
    validateSearch: (search: Search) => pick(search, 'state'),
    component: lazyRouteComponent(
      load(() => import('@/admin/AdminPages')),
      'EmailsPage',
    ),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/admin/health',
    component: lazyRouteComponent(
      load(() => import('@/admin/AdminPages')),
      'HealthPage',
    ),
  }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren(routes),
  scrollRestoration: true,
  defaultPreload: 'intent',
  defaultPendingComponent: PageSkeleton,
  defaultErrorComponent: PageError,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
  interface StaticDataRouteOption {
    /** The page fills the window and scrolls inside itself. */
    full?: boolean;
  }
}
