import { ApiError } from '@/api/problem';
import type { OrderStatus, PaymentAnswer } from '@/api/types';
import { recall, remember } from '@/lib/tabMemory';

/**
 * Where an attempt to pay stands, as far as this page knows. `unknown` is not `failed`: the answer was lost, the money
 * may be on its way, and a second payment must not be offered until the server says that there was no first.
 */
export type Payment =
  | { step: 'form'; refusal: string | null; errors: Record<string, string> }
  | { step: 'sending' }
  | { step: 'challenge'; url: string }
  | { step: 'waiting' }
  | { step: 'unknown'; since: number };

export const emptyForm: Payment = { step: 'form', refusal: null, errors: {} };

const refusals: Record<string, string> = {
  card_declined: 'The bank declined this card. Nothing was charged. Try again or use another card.',
  insufficient_funds:
    'There is not enough money on this card. Nothing was charged. Use another card.',
  authentication_failed:
    'The bank could not confirm that it is you. Nothing was charged. Try again or use another card.',
};

export function afterAnswer(answer: PaymentAnswer): Payment {
  if (answer.status === 'requires_action' && answer.next_action) {
    return { step: 'challenge', url: answer.next_action.url };
  }
  return { step: 'waiting' };
}

export function afterError(error: ApiError, now: number): Payment {
  if (error.status === 0 || error.status >= 500 || error.code === 'intent_not_payable') {
    return { step: 'unknown', since: now };
  }
  return {
    step: 'form',
    refusal: refusals[error.code] ?? error.message,
    errors: error.errors,
  };
}

/** A request that was cut on its way may still arrive; only after this long is "nothing there" believed. */
const DOUBT_MS = 10_000;

/** What the gateway's own record says about an attempt whose answer never came. */
export function afterLookUp(payment: Payment, intentStatus: string, now: number): Payment {
  if (payment.step !== 'unknown') return payment;
  if (intentStatus === 'succeeded' || intentStatus === 'processing') return { step: 'waiting' };
  if (now - payment.since < DOUBT_MS) return payment;
  return {
    step: 'form',
    refusal: 'The payment did not reach the bank. Nothing was charged; you can try again.',
    errors: {},
  };
}

const memory = (intent: string) => `houseful.payment.${intent}`;

/** An open question outlives a reload: the bank's, and whether there was a payment at all. */
export function rememberPayment(intent: string, payment: Payment): void {
  const isOpen = payment.step === 'challenge' || payment.step === 'unknown';
  remember(memory(intent), isOpen ? payment : null);
}

/** While a card is on its way nobody knows what becomes of it: a reload then asks before it offers to pay again. */
export function rememberSending(intent: string, now: number): void {
  remember(memory(intent), { step: 'unknown', since: now });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** The state in which a reloaded page starts. */
export function resumed(intent: string, orderStatus: OrderStatus, paymentStatus: string): Payment {
  const underWay = orderStatus === 'processing' || /^(processing|succeeded)$/.test(paymentStatus);
  if (underWay) return { step: 'waiting' };
  const kept = recall(memory(intent));
  if (!isRecord(kept)) return emptyForm;
  const { step, url, since } = kept;
  if (step === 'challenge' && typeof url === 'string') return { step, url };
  if (step === 'unknown' && typeof since === 'number') return { step, since };
  return emptyForm;
}
