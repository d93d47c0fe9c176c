import { create } from 'zustand';
import type { SessionGrant, User } from './types';

export type SessionStatus = 'starting' | 'anonymous' | 'signed-in' | 'unreachable';

interface SessionState {
  status: SessionStatus;
  user: User | null;
  token: string | null;
}

const FLAG = 'houseful.session';
const CHANNEL = 'houseful-session';

type Message = { kind: 'grant'; token: string; user: User } | { kind: 'ended' };

/**
 * The access token lives in memory only. localStorage holds nothing but the fact that a refresh cookie probably
 * exists, so that visitors without an account cause no refused refresh on every page.
 */
export const useSession = create<SessionState>(() => ({
  status: mayHaveSession() ? 'starting' : 'anonymous',
  user: null,
  token: null,
}));

const channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel(CHANNEL);

channel?.addEventListener('message', (event: MessageEvent<Message>) => {
  const message = event.data;
  if (message.kind === 'grant') {
    useSession.setState({ status: 'signed-in', token: message.token, user: message.user });
  } else {
    useSession.setState({ status: 'anonymous', token: null, user: null });
  }
});

function publish(message: Message): void {
  channel?.postMessage(message);
}

export function mayHaveSession(): boolean {
  return localStorage.getItem(FLAG) === '1';
}

export function currentToken(): string | null {
  return useSession.getState().token;
}

export function acceptGrant(grant: SessionGrant): void {
  localStorage.setItem(FLAG, '1');
  useSession.setState({ status: 'signed-in', token: grant.access_token, user: grant.user });
  publish({ kind: 'grant', token: grant.access_token, user: grant.user });
}

export function endSession(): void {
  localStorage.removeItem(FLAG);
  useSession.setState({ status: 'anonymous', token: null, user: null });
  publish({ kind: 'ended' });
}

export function markUnreachable(): void {
  if (useSession.getState().token === null) useSession.setState({ status: 'unreachable' });
}

export function hasRole(user: User | null, ...roles: User['roles']): boolean {
  return user !== null && roles.some((role) => user.roles.includes(role));
}
