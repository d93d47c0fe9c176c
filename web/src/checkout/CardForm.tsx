import { useState, type SubmitEvent } from 'react';
import type { Card } from '@/api/types';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import { Notice } from '@/ui/Notice';
import { cardErrors, formatExpiry, groupNumber, testCards } from './card';

interface Props {
  amount: string;
  sending: boolean;
  refusal: string | null;
  errors: Record<string, string>;
  onPay: (card: Card) => void;
}

const empty: Card = { number: '', exp: '', cvc: '' };

function nextYear(): string {
  return String((new Date().getFullYear() + 1) % 100).padStart(2, '0');
}

export function CardForm({ amount, sending, refusal, errors, onPay }: Props) {
  const [card, setCard] = useState(empty);
  const [local, setLocal] = useState<Record<string, string>>({});
  const shown: Record<string, string | undefined> = { ...errors, ...local };

  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const found = cardErrors(card);
    setLocal(found);
    if (Object.keys(found).length > 0) return;
    onPay({ ...card, number: card.number.replace(/\s/g, '') });
  };

  return (
    <div className="grid gap-10">
      <form onSubmit={submit} noValidate className="grid gap-5" aria-label="Card">
        <h2 className="display text-3xl">Pay by card</h2>
        {refusal && (
          <Notice tone="bad" title="Not paid" testId="payment-refused">
            {refusal}
          </Notice>
        )}
        <Field
          label="Card number"
          inputMode="numeric"
          autoComplete="cc-number"
          placeholder="1234 1234 1234 1234"
          value={card.number}
          onChange={(event) => setCard({ ...card, number: groupNumber(event.target.value) })}
          error={shown['card.number']}
          data-testid="card-number"
        />
        <div className="grid grid-cols-2 gap-4">
          <Field
            label="Valid until"
            inputMode="numeric"
            autoComplete="cc-exp"
            placeholder="MM/YY"
            value={card.exp}
            onChange={(event) =>
              setCard({ ...card, exp: formatExpiry(event.target.value, card.exp) })
            }
            error={shown['card.exp']}
            data-testid="card-exp"
          />
          <Field
            label="Security code"
            inputMode="numeric"
            autoComplete="cc-csc"
            placeholder="123"
            maxLength={4}
            value={card.cvc}
            onChange={(event) => setCard({ ...card, cvc: event.target.value.replace(/\D/g, '') })}
            error={shown['card.cvc']}
            data-testid="card-cvc"
          />
        </div>
        <Button type="submit" wide busy={sending && 'Paying'} data-testid="pay-button">
          Pay {amount}
        </Button>
      </form>
      <section aria-labelledby="test-cards">
        <h3 id="test-cards" className="mb-1 font-semibold">
          Test cards
        </h3>
        <p className="mb-3 text-sm text-soft">
          This payment gateway is a simulation; no money moves. The number decides what happens.
        </p>
        <table className="w-full text-sm">
          <thead className="sr-only">
            <tr>
              <th scope="col">Number</th>
              <th scope="col">Outcome</th>
              <th scope="col">Action</th>
            </tr>
          </thead>
          <tbody className="divide-y divide-line border-y border-line">
            {testCards.map((test) => (
              <tr key={test.number}>
                <td className="py-2 pr-3 whitespace-nowrap">{groupNumber(test.number)}</td>
                <td className="py-2 pr-3 text-soft">{test.outcome}</td>
                <td className="text-right">
                  <button
                    type="button"
                    aria-label={`Use the card ${groupNumber(test.number)}`}
                    className="min-h-9 px-2 font-medium underline underline-offset-4"
                    onClick={() =>
                      setCard({
                        number: groupNumber(test.number),
                        exp: `12/${nextYear()}`,
                        cvc: '123',
                      })
                    }
                  >
                    Use
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </div>
  );
}
