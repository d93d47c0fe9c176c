/** The account's own calls, apart from the others: the first page does not load them. */
import { queryOptions } from '@tanstack/react-query';
import { http } from './http';
import type * as T from './types';
import { withWork } from './work';

export const account = {
  register: async (email: string, password: string, name: string) => {
    const body = { email, password, name };
    await withWork((headers) => http.post('/auth/register', body, { anonymous: true, headers }));
  },
  changePassword: async (current: string, next: string) => {
    await http.post('/auth/password', { current_password: current, new_password: next });
  },
  requestReset: async (email: string) => {
    await http.post('/auth/password-reset', { email }, { anonymous: true });
  },
  resetPassword: async (token: string, password: string) => {
    const body = { token, new_password: password };
    await http.post('/auth/password-reset/confirm', body, { anonymous: true });
  },
  sessions: async () => (await http.get<T.Page<T.AccountSession>>('/me/sessions')).data.items,
  endSession: async (session: string) => {
    await http.delete(`/me/sessions/${encodeURIComponent(session)}`);
  },
  endOtherSessions: async () => {
    await http.delete('/me/sessions');
  },
  changeEmail: async (email: string, password: string) => {
    await http.post('/me/email', { email, current_password: password });
  },
  confirmEmail: async (token: string) => {
    await http.post('/auth/email-change/confirm', { token }, { anonymous: true });
  },
  restoreEmail: async (token: string) => {
    await http.post('/auth/email-change/undo', { token }, { anonymous: true });
  },
  secondFactor: async () => (await http.get<T.SecondFactor>('/me/second-factor')).data,
  beginSecondFactor: async (password: string) =>
    (await http.post<T.Enrolment>('/me/second-factor', { current_password: password })).data,
  confirmSecondFactor: async (code: string) =>
    (await http.post<{ recovery_codes: string[] }>('/me/second-factor/confirm', { code })).data
      .recovery_codes,
  removeSecondFactor: async (password: string, code: string) => {
    await http.post('/me/second-factor/remove', { current_password: password, code });
  },
  exported: async () => (await http.get<T.AccountExport>('/me/export')).data,
  erase: async (password: string, code: string) => {
    const proof = { current_password: password, ...(code ? { second_factor_code: code } : {}) };
    await http.delete('/me', { data: proof });
  },
  sendVerification: async () => {
    await http.post('/me/verification');
  },
  verifyByCode: async (code: string) => {
    await http.post('/me/verification/code', { code });
  },
  verifyByLink: async (token: string) => {
    await http.post('/auth/verify-email', { token }, { anonymous: true });
  },
};

export const sessionsQuery = () =>
  queryOptions({ queryKey: ['sessions'], queryFn: () => account.sessions() });

export const secondFactorQuery = () =>
  queryOptions({ queryKey: ['second-factor'], queryFn: () => account.secondFactor() });
