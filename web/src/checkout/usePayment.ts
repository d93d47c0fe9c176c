import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { payments } from '@/api/payments';
import { ApiError } from '@/api/problem';
import { orderQuery } from '@/api/queries';
import type { Card, Order, PaymentAnswer } from '@/api/types';
import {
  afterAnswer,
  afterError,
  afterLookUp,
  rememberPayment,
  rememberSending,
  resumed,
  type Payment,
} from './payment';

const LOOK_UP_MS = 2000;

/** One order's payment: sends the card, answers the bank's challenge, and finds out what became of a lost answer. */
export function usePayment(order: Order, intent: string, secret: string) {
  const client = useQueryClient();
  const { status } = order.payment;
  const [payment, setPayment] = useState<Payment>(() => resumed(intent, order.status, status));

  const attempt = async (send: () => Promise<PaymentAnswer>) => {
    setPayment({ step: 'sending' });
    rememberSending(intent, Date.now());
    try {
      setPayment(afterAnswer(await send()));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setPayment(afterError(error, Date.now()));
    }
    void client.invalidateQueries({ queryKey: orderQuery(order.id).queryKey });
  };

  useEffect(() => {
    if (payment.step !== 'sending') rememberPayment(intent, payment);
  }, [intent, payment]);

  const isUnknown = payment.step === 'unknown';
  useEffect(() => {
    if (!isUnknown) return undefined;
    let stopped = false;
    const ask = async () => {
      try {
        const found = await payments.lookUp(intent, secret);
        if (!stopped) setPayment((now) => afterLookUp(now, found.status, Date.now()));
      } catch (error) {
        // Still no answer: the page already says that nothing is known, and the next round asks again.
        if (!(error instanceof ApiError)) throw error;
      }
    };
    const timer = setInterval(() => void ask(), LOOK_UP_MS);
    void ask();
    return () => {
      stopped = true;
      clearInterval(timer);
    };
  }, [intent, isUnknown, secret]);

  return {
    payment,
    pay: (card: Card) => attempt(() => payments.confirm(intent, secret, card)),
    answer: (url: string, outcome: 'approve' | 'refuse') =>
      attempt(() => payments.answerChallenge(url, outcome)),
  };
}
