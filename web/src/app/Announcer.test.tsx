import { act, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { beforeEach, expect, it } from 'vitest';
import { renderPage } from '@/test/render';
import { Announcer } from './Announcer';

beforeEach(() => {
  document.head.innerHTML = '<title>Houseful</title>';
});

function Steps() {
  const [paying, setPaying] = useState(false);
  return (
    <>
      <Announcer />
      <a href="#elsewhere">Elsewhere</a>
      <main id="main" tabIndex={-1}>
        <h1>Checkout</h1>
        <div>
          {paying ? (
            <section>
              <h2>Pay by card</h2>
            </section>
          ) : (
            <form onSubmit={(event) => event.preventDefault()}>
              <h2>Who is buying?</h2>
              <button type="button" onClick={() => setPaying(true)}>
                Continue
              </button>
            </form>
          )}
        </div>
      </main>
    </>
  );
}

it('goes with the person from step to step', async () => {
  renderPage(<Steps />);
  await userEvent.click(await screen.findByRole('button', { name: 'Continue' }));
  await waitFor(() => expect(screen.getByRole('heading', { name: 'Pay by card' })).toHaveFocus());
});

it('leaves it alone when the person lets go of it', async () => {
  renderPage(<Steps />);
  (await screen.findByRole('button', { name: 'Continue' })).focus();
  await userEvent.click(document.body);
  act(() => screen.getByRole('button', { name: 'Continue' }).remove());
  await act(() => new Promise((resolve) => setTimeout(resolve, 10)));
  expect(document.body).toHaveFocus();
});

it('says the name of each page', async () => {
  renderPage(<Steps />);
  await screen.findByText('Elsewhere');
  act(() => {
    document.title = 'My orders · Houseful';
  });
  expect(await screen.findByText('My orders · Houseful')).toBeInTheDocument();
});
