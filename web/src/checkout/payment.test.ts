// @vitest-environment jsdom
import { describe, expect, it } from 'vitest';
import { ApiError } from '@/api/problem';
import {
  afterAnswer,
  afterError,
  afterLookUp,
  emptyForm,
  resumed,
  rememberPayment,
  rememberSending,
  type Payment,
} from './payment';

describe('a payment', () => {
  it('waits for the order after success and processing alike', () => {
    expect(afterAnswer({ id: 'p', status: 'succeeded' }).step).toBe('waiting');
    expect(afterAnswer({ id: 'p', status: 'processing' }).step).toBe('waiting');
  });

  it('goes to the bank when asked to', () => {
    const answer = {
      id: 'p',
      status: 'requires_action' as const,
      next_action: { type: 'redirect' as const, url: '/api/payments/challenges/c' },
    };
    expect(afterAnswer(answer)).toEqual({ step: 'challenge', url: '/api/payments/challenges/c' });
  });

  it('may be tried again after a decline', () => {
    const payment = afterError(new ApiError(402, { code: 'insufficient_funds' }), 0);
    expect(payment).toMatchObject({ step: 'form' });
    expect(payment.step === 'form' && payment.refusal).toContain('not enough money');
  });

  it.each([0, 500, 503])('is unknown, not failed, after status %i', (status) => {
    expect(afterError(new ApiError(status, {}), 5)).toEqual({ step: 'unknown', since: 5 });
  });

  it('is settled by the gateway’s record', () => {
    const unknown = { step: 'unknown' as const, since: 0 };
    expect(afterLookUp(unknown, 'succeeded', 1).step).toBe('waiting');
    expect(afterLookUp(unknown, 'processing', 1).step).toBe('waiting');
  });

  it('offers the form again only when a request on its way must have arrived', () => {
    const unknown = { step: 'unknown' as const, since: 0 };
    expect(afterLookUp(unknown, 'requires_payment_method', 3000)).toBe(unknown);
    expect(afterLookUp(unknown, 'requires_payment_method', 10_000).step).toBe('form');
  });

  it('ignores a look-up that comes after the answer', () => {
    expect(afterLookUp(emptyForm, 'requires_payment_method', 99_999)).toBe(emptyForm);
  });

  it('is picked up where a reload finds it', () => {
    expect(resumed('pi', 'processing', 'requires_payment_method').step).toBe('waiting');
    expect(resumed('pi', 'awaiting_payment', 'processing').step).toBe('waiting');
    expect(resumed('pi', 'awaiting_payment', 'requires_payment_method')).toBe(emptyForm);
  });

  it('keeps an open question over a reload, and only that one', () => {
    const question: Payment = { step: 'challenge', url: '/bank' };
    rememberPayment('pi', question);
    expect(resumed('pi', 'awaiting_payment', 'requires_action')).toEqual(question);
    expect(resumed('another', 'awaiting_payment', 'open')).toBe(emptyForm);
    rememberPayment('pi', { step: 'unknown', since: 5 });
    expect(resumed('pi', 'awaiting_payment', 'open')).toEqual({ step: 'unknown', since: 5 });
    rememberPayment('pi', emptyForm);
    expect(resumed('pi', 'awaiting_payment', 'open')).toBe(emptyForm);
  });

  it('asks before it offers to pay again when the reload came while the card was on its way', () => {
    rememberSending('pi', 7);
    expect(resumed('pi', 'awaiting_payment', 'open')).toEqual({ step: 'unknown', since: 7 });
  });

  it('goes on where the tab remembers nothing, or nonsense', () => {
    sessionStorage.setItem('houseful.payment.pi', '{"step":');
    expect(resumed('pi', 'awaiting_payment', 'open')).toBe(emptyForm);
    sessionStorage.setItem('houseful.payment.pi', '{"step":"challenge"}');
    expect(resumed('pi', 'awaiting_payment', 'open')).toBe(emptyForm);
  });
});
