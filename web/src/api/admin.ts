import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { http } from './http';
import { idempotent } from './intent';
import type * as T from './types';

const id = encodeURIComponent;
const userPath = (user: string) => `/users/${id(user)}`;
const messagesPath = (service: string) => `/messages/${service}`;
const parkedPath = (service: string, key: string) => `${messagesPath(service)}/parked/${id(key)}`;

export const services = ['users', 'events', 'tickets', 'line', 'payments'] as const;
export type Service = (typeof services)[number];
/** Those that receive messages, and can have some that got stuck. */
export const receivers = ['users', 'events', 'tickets', 'line'] as const;
/** Those that send some, and can send them again. */
export const senders = ['users', 'events', 'tickets', 'line'] as const;

export interface AuditFilter {
  actor?: string | undefined;
  object?: string | undefined;
  act?: string | undefined;
  /** RFC 3339. */
  since?: string | undefined;
  until?: string | undefined;
}

export type QueueState = 'waiting' | 'failed';

/** What an administrator does. */
export const admin = {
  findUsers: async (q: string, cursor?: string) =>
    (await http.get<T.Page<T.AdminUser>>('/users', { params: { q, cursor } })).data,
  user: async (user: string) => (await http.get<T.AdminUserDetails>(userPath(user))).data,
  setRoles: async (user: string, roles: T.Role[]) =>
    (await http.patch<T.AdminUser>(userPath(user), { roles })).data,
  endSessions: async (user: string) => {
    await http.delete(`${userPath(user)}/sessions`);
  },
  audit: async (filter: AuditFilter, cursor?: string) =>
    (await http.get<T.AuditTrail>('/audit', { params: { ...filter, cursor } })).data,
  health: async (service: Service) => (await http.get<T.Health>(`/health/${service}`)).data,
  parked: async (service: string, cursor?: string) =>
    (await http.get<T.Page<T.ParkedKey>>(`${messagesPath(service)}/parked`, { params: { cursor } }))
      .data,
  parkedKey: async (service: string, key: string) =>
    (await http.get<T.ParkedDetails>(parkedPath(service, key))).data,
  unpark: (
    service: string,
    parked: string,
    body: { reason: string; accept_gap: boolean },
    key: string,
  ) => http.post(`${parkedPath(service, parked)}/unpark`, body, idempotent(key)),
  deadLetters: async (service: string, cursor?: string) =>
    (await http.get<T.Page<T.DeadLetter>>(`${messagesPath(service)}/dead`, { params: { cursor } }))
      .data,
  retry: (service: string, letter: string, body: { reason: string }, key: string) =>
    http.post(`${messagesPath(service)}/dead/${id(letter)}/retry`, body, idempotent(key)),
  replay: (
    service: string,
    body: { reason: string; aggregate?: string; since_hours?: number },
    key: string,
  ) => http.post<{ messages: number }>(`${messagesPath(service)}/replay`, body, idempotent(key)),
  accountEmails: async (state: QueueState, cursor?: string) =>
    (await http.get<T.Page<T.AccountEmail>>('/emails/accounts', { params: { state, cursor } }))
      .data,
  orderEmails: async (state: QueueState, cursor?: string) =>
    (await http.get<T.Page<T.QueuedEmail>>('/emails/orders', { params: { state, cursor } })).data,
  sendEmail: (about: 'accounts' | 'orders', email: string, key: string) =>
    http.post(`/emails/${about}/${id(email)}/send`, {}, idempotent(key)),
};

function paged<P extends { next_cursor: string | null }>(
  key: readonly unknown[],
  load: (cursor?: string) => Promise<P>,
) {
  return infiniteQueryOptions({
    queryKey: ['admin', ...key],
    queryFn: ({ pageParam }) => load(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: P) => page.next_cursor ?? undefined,
  });
}

export const usersQuery = (q: string) =>
  paged(['users', q], (cursor) => admin.findUsers(q, cursor));

export const userQuery = (user: string) =>
  queryOptions({ queryKey: ['admin', 'user', user], queryFn: () => admin.user(user) });

export const auditQuery = (filter: AuditFilter) =>
  paged(['audit', filter], (cursor) => admin.audit(filter, cursor));

export const healthQuery = (service: Service) =>
  queryOptions({
    queryKey: ['admin', 'health', service],
    queryFn: () => admin.health(service),
    refetchInterval: 10_000,
  });

export const parkedQuery = (service: string) =>
  paged(['parked', service], (cursor) => admin.parked(service, cursor));

export const parkedKeyQuery = (service: string, key: string) =>
  queryOptions({
    queryKey: ['admin', 'parked', service, key],
    queryFn: () => admin.parkedKey(service, key),
  });

export const deadMessagesQuery = (service: string) =>
  paged(['dead', service], (cursor) => admin.deadLetters(service, cursor));

export const accountEmailsQuery = (state: QueueState) =>
  paged(['emails', 'accounts', state], (cursor) => admin.accountEmails(state, cursor));

export const orderEmailsQuery = (state: QueueState) =>
  paged(['emails', 'orders', state], (cursor) => admin.orderEmails(state, cursor));
