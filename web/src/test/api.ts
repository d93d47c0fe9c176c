import { http, HttpResponse, type HttpResponseResolver } from 'msw';
import { setupServer } from 'msw/node';
import { acceptGrant } from '@/api/session';
import type { Role, User } from '@/api/types';

/** The API as the pages see it, answered in this process. A test says which calls it expects. */
export const api = setupServer();

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

/** From here on, until the end of the test, `path` (below `/api`) answers so. */
export function answer(method: Method, path: string, resolver: HttpResponseResolver): void {
  api.use(http[method](`*/api${path}`, resolver));
}

/** An answer as the services give it when they refuse. */
export function refusal(
  status: number,
  code: string,
  extra: Record<string, unknown> = {},
  headers: Record<string, string> = {},
) {
  const body = { type: `/problems/${code}`, title: code, status, code, detail: code, ...extra };
  return HttpResponse.json(body, {
    status,
    headers: { 'Content-Type': 'application/problem+json', ...headers },
  });
}

/** Signed in, without a request. */
export function signInAs(...roles: Role[]): User {
  const user: User = {
    id: 'usr_1',
    email: 'person@example.org',
    name: 'Person',
    roles,
    email_verified: false,
  };
  acceptGrant({ access_token: 'token', token_type: 'Bearer', expires_in: 600, user });
  return user;
}
