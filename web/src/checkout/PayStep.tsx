import { Landmark } from 'lucide';
import type { Order } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { Button } from '@/ui/Button';
import { Icon } from '@/ui/Icon';
import { Notice } from '@/ui/Notice';
import { Waiting } from '@/ui/Waiting';
import { CardForm } from './CardForm';
import { usePayment } from './usePayment';

export function PayStep({ order }: { order: Order }) {
  const { intent_id: intent, client_secret: secret } = order.payment;
  if (!intent || !secret) {
    return (
      <Waiting title="The payment is being opened" testId="order-status">
        The payment service does not answer just now. Your seats stay reserved; this page goes on by
        itself.
      </Waiting>
    );
  }
  return <Payment order={order} intent={intent} secret={secret} />;
}

function Payment({ order, intent, secret }: { order: Order; intent: string; secret: string }) {
  const { payment, pay, answer } = usePayment(order, intent, secret);
  const amount = formatMoney(order.total_minor, order.currency);
  // The server may already know more than this page's last answer.
  const step =
    order.status === 'processing' && payment.step !== 'challenge' ? 'waiting' : payment.step;

  if (step === 'waiting') {
    return (
      <Waiting title="Your payment is being processed" testId="order-status">
        The seats are yours as soon as the bank has confirmed it. This page goes on by itself; you
        may also close it and find the order under “My orders”.
      </Waiting>
    );
  }
  if (step === 'unknown') {
    return (
      <div className="grid gap-6">
        <Notice
          tone="warn"
          testId="payment-unknown"
          title="We don’t know yet whether your payment went through. Don’t pay again."
        >
          The connection broke before the answer came. Your seats stay reserved while we ask the
          bank; this page goes on by itself.
        </Notice>
        <Waiting title="Asking for the state of the payment" testId="order-status" />
      </div>
    );
  }
  if (payment.step === 'challenge') {
    const { url } = payment;
    return (
      <section
        aria-labelledby="challenge"
        data-testid="challenge"
        className="grid gap-4 rounded-lg border border-line-strong p-6"
      >
        <Icon of={Landmark} className="size-8" />
        <h2 id="challenge" className="display text-3xl">
          Your bank asks: is this you?
        </h2>
        <p className="text-soft">
          Simulated bank. A payment of {amount} to Houseful waits for your approval.
        </p>
        <div className="flex flex-wrap gap-3">
          <Button data-testid="challenge-approve" onClick={() => void answer(url, 'approve')}>
            Approve {amount}
          </Button>
          <Button
            kind="secondary"
            data-testid="challenge-refuse"
            onClick={() => void answer(url, 'refuse')}
          >
            Refuse
          </Button>
        </div>
      </section>
    );
  }
  return (
    <CardForm
      amount={amount}
      sending={payment.step === 'sending'}
      refusal={payment.step === 'form' ? payment.refusal : null}
      errors={payment.step === 'form' ? payment.errors : {}}
      onPay={(card) => void pay(card)}
    />
  );
}
