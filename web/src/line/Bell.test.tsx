import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { render, screen } from '@testing-library/react';
import { Bell, useBell } from './Bell';

const tones: number[] = [];

class Node {
  connect = (next: unknown) => next;
  start = () => undefined;
  stop = () => undefined;
}

class Tone extends Node {
  constructor(_: unknown, { frequency }: { frequency: number }) {
    super();
    tones.push(frequency);
  }
}

beforeEach(() => {
  tones.length = 0;
  vi.stubGlobal('AudioContext', class extends Node {});
  vi.stubGlobal('GainNode', Node);
  vi.stubGlobal('OscillatorNode', Tone);
});

afterEach(() => vi.unstubAllGlobals());

function Waiting({ isTurn }: { isTurn: boolean }) {
  const bell = useBell(isTurn);
  return isTurn ? <p>Now</p> : <Bell {...bell} />;
}

it('is heard at once, and when the turn comes', async () => {
  const page = render(<Waiting isTurn={false} />);
  await userEvent.click(screen.getByTestId('bell'));
  expect(screen.getByTestId('bell')).toHaveAttribute('aria-pressed', 'true');
  expect(tones).toHaveLength(2);
  page.rerender(<Waiting isTurn={false} />);
  expect(tones).toHaveLength(2);
  page.rerender(<Waiting isTurn />);
  page.rerender(<Waiting isTurn />);
  expect(tones).toHaveLength(8);
});

it('is silent for who did not want it', () => {
  const page = render(<Waiting isTurn={false} />);
  page.rerender(<Waiting isTurn />);
  expect(tones).toHaveLength(0);
});
