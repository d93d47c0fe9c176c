import { render, screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import { ApiError } from '@/api/problem';
import { Problem } from './Problem';

/** A refusal looks at neither event nor seats. */
const nothing = undefined as never;

function show(code: string, extra: Record<string, unknown>, detail = 'Words of the server.') {
  const error = new ApiError(409, { code, detail, ...extra });
  render(
    <Problem
      event={nothing}
      state={nothing}
      problem={{ kind: 'refused', error }}
      onTake={() => undefined}
    />,
  );
}

test('a limit of holds and a limit of seats are told apart', () => {
  show('hold_limit', { limit: 10 });
  expect(screen.getByTestId('hold-problem').textContent).toContain('10 holds');
});

test('a limit of seats is told in the words of the server', () => {
  show('hold_limit', { limit: 4, limit_of: 'seats', held: 4 });
  expect(screen.getByTestId('hold-problem').textContent).toContain('Words of the server.');
});

test.each([
  ['access_code_required', {}, /Enter yours on the event’s page/],
  ['presale_not_open', {}, /Words of the server/],
  ['presale_over', { on_sale_at: null }, /Words of the server/],
])('a hold without a presale says so: %s', (code, extra, said) => {
  show(code, extra);
  expect(screen.getByTestId('hold-problem')).toHaveTextContent(said);
});
