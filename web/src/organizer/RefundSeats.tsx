import { useState } from 'react';
import type { DeskSeat } from '@/api/types';
import { formatMoney } from '@/lib/money';
import { counted } from '@/lib/words';
import { Field } from '@/ui/Field';

interface Props {
  seats: DeskSeat[];
  currency: string;
  errors: Record<string, string>;
}

const REASON_LENGTH = 500;

/** Which seats go back, what that is in money, and why. Used tickets can't go back. */
export function RefundSeats({ seats, currency, errors }: Props) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const refundable = seats.filter((seat) => seat.status === 'valid');
  const used = seats.filter((seat) => seat.status === 'used').length;
  const picked = refundable.filter((seat) => chosen.has(seat.id));
  const amount = picked.reduce((sum, seat) => sum + seat.price_minor, 0);
  const isAll = picked.length === refundable.length && picked.length > 0;
  const toggle = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  const seatErrors = Object.entries(errors).filter(([field]) => field.startsWith('seats'));
  return (
    <>
      <fieldset className="grid gap-1">
        <legend className="mb-1 text-sm font-medium">Seats</legend>
        {refundable.length > 1 && (
          <label className="flex min-h-11 items-center gap-3 border-b border-line font-medium">
            <input
              type="checkbox"
              checked={isAll}
              data-testid="refund-all"
              className="size-5 shrink-0"
              onChange={() => setChosen(new Set(isAll ? [] : refundable.map((seat) => seat.id)))}
            />
            All of them
          </label>
        )}
        <div className="max-h-60 overflow-y-auto">
          {refundable.map((seat) => (
            <label key={seat.id} className="flex min-h-11 items-center gap-3">
              <input
                type="checkbox"
                name="seats"
                value={seat.id}
                checked={chosen.has(seat.id)}
                data-testid="refund-seat"
                className="size-5 shrink-0"
                onChange={() => toggle(seat.id)}
              />
              <span className="min-w-0 grow wrap-anywhere">{seat.place}</span>
              <span className="shrink-0">{formatMoney(seat.price_minor, currency)}</span>
            </label>
          ))}
        </div>
        {seatErrors.length > 0 && (
          <p role="alert" className="text-sm text-bad">
            {chosen.size === 0
              ? 'Choose at least one seat.'
              : `A seat ${seatErrors.map(([, words]) => words).join(', ')}.`}
          </p>
        )}
      </fieldset>
      {used > 0 && (
        <p className="text-sm text-soft">
          {counted(used, 'ticket was', 'tickets were')} used at the gate and can’t be refunded.
        </p>
      )}
      <Field
        label="Reason"
        name="reason"
        maxLength={REASON_LENGTH}
        autoComplete="off"
        error={errors['reason']}
        hint="For the history. The buyer does not see it."
        data-testid="refund-reason"
      />
      <p role="status" data-testid="refund-sum">
        {picked.length === 0
          ? 'No seat is chosen.'
          : `${counted(picked.length, 'ticket becomes', 'tickets become')} invalid and ${formatMoney(amount, currency)} go back. The seats are on sale again at once. This cannot be undone.`}
      </p>
    </>
  );
}
