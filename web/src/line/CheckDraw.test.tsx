import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { expect, it } from 'vitest';
import type { LineAudit } from '@/api/types';
import { answer, refusal } from '@/test/api';
import { aLine, anEntry } from '@/test/line';
import { renderPage } from '@/test/render';
import { CheckDraw } from './CheckDraw';

/** A draw of nobody else: the only vector that needs no computing here. */
const draw: LineAudit = {
  version: 1,
  event_id: 'evt_1',
  commitment: '582dc70ee443606b7b538a5e754224e3f3bcbb0efba3bc67c6fa9ffc117f1382',
  server_seed: 'a4e53dc2f480b8fce6fe688b1317658b446299df23ad533394406427c8c19557',
  root: '5f8d7538ef0fca979e9759cc9681fa820ce3e4843afc9266114e287015bfc576',
  beacon: null,
  seed: '786c01ad30d44b88e9937ddb640fb71abd9ba8174f9afad02b08564fb98991e6',
  entrants: [['12ba04caae5e3c683e4a9e2d6fb3b33c339102cd0d4861000619a32de9fb8b53', 1]],
};

async function checkDraw(audit: LineAudit) {
  const line = aLine({ phase: 'open', commitment: draw.commitment, root: draw.root });
  const entry = anEntry({ number: 1, entrant: draw.entrants[0]?.[0] ?? '' });
  answer('get', '/events/evt_1/line/audit', () => HttpResponse.json(audit));
  renderPage(<CheckDraw line={{ ...line, aheadMs: 0 }} entry={entry} />);
  await userEvent.click(await screen.findByTestId('check-draw'));
}

it('repeats the draw on the page', async () => {
  await checkDraw(draw);
  expect(await screen.findByTestId('draw-holds')).toHaveTextContent('1 place again');
  expect(screen.getByTestId('draw-holds')).toHaveTextContent('Yours is 1.');
});

it('says what is wrong with a draw that does not hold', async () => {
  await checkDraw({ ...draw, server_seed: '00'.repeat(32) });
  expect(await screen.findByTestId('draw-fails')).toHaveTextContent('secret is not the one');
  expect(screen.queryByTestId('draw-holds')).not.toBeInTheDocument();
});

it('says that a draw was not checked', async () => {
  await checkDraw(draw);
  await screen.findByTestId('draw-holds');
  answer('get', '/events/evt_1/line/audit', () => refusal(503, 'overloaded'));
  await userEvent.click(await screen.findByTestId('check-draw'));
  expect(await screen.findByText('Not checked')).toBeVisible();
  expect(screen.queryByTestId('draw-holds')).not.toBeInTheDocument();
});
