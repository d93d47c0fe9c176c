import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { expect, it } from 'vitest';
import { answer, signInAs } from '@/test/api';
import { anEvent } from '@/test/events';
import { renderPage } from '@/test/render';
import { DeleteDraft } from './DeleteDraft';

const draft = anEvent({ state: 'draft' });

it('deletes after it was asked, and leads to the list', async () => {
  signInAs('organizer');
  let deleted = 0;
  answer('delete', '/events/evt_1', () => {
    deleted += 1;
    return new HttpResponse(null, { status: 204 });
  });
  const { router } = renderPage(<DeleteDraft event={draft} />);
  await userEvent.click(await screen.findByRole('button', { name: 'Delete the draft' }));
  expect(deleted).toBe(0);
  await userEvent.click(await screen.findByTestId('delete-draft-confirm'));
  await waitFor(() => {
    expect(router.state.location.pathname).toBe('/organizer');
  });
  expect(deleted).toBe(1);
});

it('says why it is not deleted', async () => {
  signInAs('organizer');
  answer('delete', '/events/evt_1', () =>
    HttpResponse.json(
      { code: 'event_published', detail: 'Only a draft can be deleted.', status: 409 },
      { status: 409 },
    ),
  );
  renderPage(<DeleteDraft event={draft} />);
  await userEvent.click(await screen.findByRole('button', { name: 'Delete the draft' }));
  await userEvent.click(await screen.findByTestId('delete-draft-confirm'));
  expect(await screen.findByText('Only a draft can be deleted.')).toBeInTheDocument();
});
