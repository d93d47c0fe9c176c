import axios, { type AxiosError, type InternalAxiosRequestConfig } from 'axios';
import { heard, unheard } from './connection';
import { ApiError, toApiError } from './problem';
import { createRefresher, exclusiveAcrossTabs } from './refresh';
import { acceptGrant, currentToken, endSession, markUnreachable, mayHaveSession } from './session';
import type { PasskeyCredential, SessionGrant } from './types';

declare module 'axios' {
  interface AxiosRequestConfig {
    /** Public data: neither wait for the session nor send its token. */
    anonymous?: boolean;
    retried?: boolean;
  }
}

/** Nobody waits longer than this for an answer; what takes longer says so where it is called. */
const TIMEOUT_MS = 7000;
const CLIENT_HEADER = { 'X-Houseful-Client': 'web' };

export const http = axios.create({ baseURL: '/api', timeout: TIMEOUT_MS });

/** For the session's own calls: no interceptors, so a refused refresh cannot start another one. */
const bare = axios.create({ baseURL: '/api', timeout: TIMEOUT_MS, headers: CLIENT_HEADER });

/** Every answer tells that the server is there, a refusal too; a request without one raises the question. */
async function failure(error: unknown): Promise<unknown> {
  const problem = await toApiError(error);
  if (problem instanceof ApiError) (problem.status === 0 ? unheard : heard)();
  return problem;
}

async function callBare<T>(path: string, body: unknown): Promise<T> {
  try {
    const { data } = await bare.post<T>(path, body);
    heard();
    return data;
  } catch (error) {
    throw await failure(error);
  }
}

export const refreshToken = createRefresher({
  request: () => callBare<SessionGrant>('/auth/refresh', {}),
  current: currentToken,
  accept: acceptGrant,
  end: endSession,
  isRefusal: (error) => error instanceof ApiError && error.status === 401,
  exclusive: exclusiveAcrossTabs,
});

const isRefused = (error: unknown) => error instanceof ApiError && error.status === 401;

/** Picks up the session that a reload left behind. Without an answer the session is unknown, not over. */
export async function restoreSession(): Promise<void> {
  if (!mayHaveSession()) return;
  try {
    await refreshToken(null);
  } catch (error) {
    if (!isRefused(error)) markUnreachable();
  }
}

/** What the session says of its account has changed: another pair, where there is a session. */
export async function renewSession(): Promise<void> {
  const token = currentToken();
  if (token !== null) await refreshToken(token);
}

/** `factor` is what an account with a second factor asks for besides the password. */
export async function signIn(
  email: string,
  password: string,
  factor: { second_factor_code?: string; passkey?: PasskeyCredential } = {},
): Promise<void> {
  acceptGrant(await callBare<SessionGrant>('/auth/login', { email, password, ...factor }));
}

export async function signInWithPasskey(credential: PasskeyCredential): Promise<void> {
  acceptGrant(await callBare<SessionGrant>('/auth/passkey', { credential }));
}

export async function signOut(): Promise<void> {
  try {
    await callBare('/auth/logout', {});
  } catch (problem) {
    // Already over on the server is as good as signed out; anything else the person must hear about.
    if (!isRefused(problem)) throw problem;
  }
  endSession();
}

function bearer(token: string): { Authorization: string } {
  return { Authorization: `Bearer ${token}` };
}

/** The token to send, restoring the session first where there seems to be one. */
export async function tokenForRequest(): Promise<string | null> {
  const token = currentToken();
  if (token !== null || !mayHaveSession()) return token;
  try {
    return await refreshToken(null);
  } catch (error) {
    if (isRefused(error)) return null;
    throw error;
  }
}

async function attachToken(config: InternalAxiosRequestConfig) {
  if (config.anonymous) return config;
  const token = await tokenForRequest();
  if (token !== null) config.headers.set(bearer(token));
  return config;
}

async function recover(error: AxiosError) {
  const problem = await failure(error);
  const { config } = error;
  if (
    problem instanceof ApiError &&
    problem.code === 'token_expired' &&
    config &&
    !config.retried
  ) {
    const sent = config.headers.get('Authorization');
    await refreshToken(typeof sent === 'string' ? sent.replace('Bearer ', '') : null);
    return http.request({ ...config, retried: true });
  }
  throw problem;
}

http.interceptors.request.use(attachToken);
http.interceptors.response.use((response) => {
  heard();
  return response;
}, recover);
