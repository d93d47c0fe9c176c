import { minorDigits, moneyInput } from '@/lib/money';
import { counted } from '@/lib/words';
import { Field } from '@/ui/Field';
import type { Errors, PricedCategory } from './draft';

interface Props {
  categories: PricedCategory[];
  currency: string;
  prices: Record<string, string>;
  errors: Errors;
  /** Seats are on sale already. */
  onSale?: boolean;
  onChange: (prices: Record<string, string>) => void;
}

export function PricesField({
  categories,
  currency,
  prices,
  errors,
  onSale = false,
  onChange,
}: Props) {
  return (
    <section aria-label="Prices" className="grid gap-3">
      <h2 className="display text-3xl">Prices</h2>
      <p className="text-sm text-soft">
        What a buyer pays, all fees included.
        {onSale && ' What is held or ordered keeps the price that it was made with.'}
      </p>
      <div className="grid gap-5 sm:grid-cols-2">
        {categories.map(({ name, seats }) => (
          <Field
            key={name}
            label={`${name}, ${currency}`}
            inputMode="decimal"
            placeholder={moneyInput(45 * 10 ** minorDigits(currency), currency)}
            value={prices[name] ?? ''}
            hint={seats === null ? null : counted(seats, 'seat')}
            error={errors[`prices.${name}`]}
            onChange={(event) => onChange({ ...prices, [name]: event.target.value })}
            data-testid="category-price"
            data-category={name}
          />
        ))}
      </div>
    </section>
  );
}
