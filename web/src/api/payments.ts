import { http } from './http';
import type { Card, PaymentAnswer, PaymentIntent } from './types';

const id = encodeURIComponent;

const CONFIRM_TIMEOUT_MS = 30_000;

export const payments = {
  // The secret is the right to pay; the mocked gateway is a third party and gets no session token.
  confirm: async (intent: string, clientSecret: string, card: Card) =>
    (
      await http.post<PaymentAnswer>(
        `/payments/intents/${id(intent)}/confirm`,
        { client_secret: clientSecret, card },
        { anonymous: true, timeout: CONFIRM_TIMEOUT_MS },
      )
    ).data,
  lookUp: async (intent: string, clientSecret: string) =>
    (
      await http.get<PaymentIntent>(`/payments/intents/${id(intent)}`, {
        params: { client_secret: clientSecret },
        anonymous: true,
      })
    ).data,
  answerChallenge: async (url: string, outcome: 'approve' | 'refuse') =>
    (
      await http.post<PaymentAnswer>(
        url,
        { outcome },
        { baseURL: '', anonymous: true, timeout: CONFIRM_TIMEOUT_MS },
      )
    ).data,
};
