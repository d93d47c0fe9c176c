import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { follow, pauseBeforeReconnecting } from './stream';

interface Connection {
  say: (text: string) => void;
  cut: boolean;
}

let connections: Connection[] = [];
let refuse: Response | null = null;
let stop: AbortController;

/** Every connection that is opened, to be spoken through. */
beforeEach(() => {
  vi.useFakeTimers();
  connections = [];
  refuse = null;
  stop = new AbortController();
  vi.stubGlobal('fetch', (_: string, { signal }: { signal: AbortSignal }) => {
    if (refuse) {
      connections.push({ say: () => undefined, cut: true });
      return Promise.resolve(refuse.clone());
    }
    let say: Connection['say'] = () => undefined;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        say = (text) => controller.enqueue(new TextEncoder().encode(text));
        signal.addEventListener('abort', () => {
          connection.cut = true;
          controller.error(new Error('aborted'));
        });
      },
    });
    const connection: Connection = { say: (text) => say(text), cut: false };
    connections.push(connection);
    return Promise.resolve(new Response(body));
  });
});

afterEach(() => {
  stop.abort();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

function listen(onMessage = vi.fn()) {
  const onCut = vi.fn();
  void follow('/x', { onMessage, onCut }, stop.signal, { anonymous: true });
  return { onMessage, onCut };
}

it('hands over messages, whole ones only', async () => {
  const { onMessage } = listen();
  await pass(0);
  connections[0]?.say('event: delta\ndata: ab');
  await pass(0);
  expect(onMessage).not.toHaveBeenCalled();
  connections[0]?.say('c\n\n: still here\n\n');
  await pass(0);
  expect(onMessage).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ event: 'delta', data: 'abc' }),
  );
});

it('notices a connection that died in silence, and opens another', async () => {
  const { onCut } = listen();
  await pass(0);
  connections[0]?.say(': still here\n\n');
  await pass(31_000);
  expect(onCut).not.toHaveBeenCalled();
  await pass(2000);
  expect(onCut).toHaveBeenCalledOnce();
  expect(connections[0]?.cut).toBe(true);
  await pass(1000);
  expect(connections).toHaveLength(2);
});

it('takes any byte as a sign of life, a comment too', async () => {
  const { onCut } = listen();
  await pass(0);
  for (let i = 0; i < 20; i += 1) {
    await pass(15_000);
    connections[0]?.say(': still here\n\n');
  }
  expect(onCut).not.toHaveBeenCalled();
  expect(connections).toHaveLength(1);
});

it('is cut as soon as the browser is offline, and open again as soon as it is not', async () => {
  const { onCut } = listen();
  await pass(0);
  window.dispatchEvent(new Event('offline'));
  await pass(0);
  expect(onCut).toHaveBeenCalledOnce();
  window.dispatchEvent(new Event('online'));
  await pass(0);
  expect(connections).toHaveLength(2);
});

it('begins anew after a message that could not be applied', async () => {
  const onMessage = vi.fn(() => {
    throw new RangeError('no such seat');
  });
  const { onCut } = listen(onMessage);
  await pass(0);
  connections[0]?.say('data: x\n\n');
  await pass(2000);
  expect(onCut).toHaveBeenCalledOnce();
  expect(connections).toHaveLength(2);
});

it('stops where it is refused, and waits where it is asked to', async () => {
  refuse = new Response('', { status: 503, headers: { 'retry-after': '9' } });
  listen();
  await pass(8900);
  expect(connections).toHaveLength(1);
  await pass(200);
  expect(connections).toHaveLength(2);
  refuse = new Response('', { status: 404 });
  await pass(60_000);
  expect(connections).toHaveLength(3);
});

it('comes back at another moment than everybody else, and later and later', () => {
  expect(pauseBeforeReconnecting(0, 0)).toBe(250);
  expect(pauseBeforeReconnecting(0, 1)).toBe(1000);
  expect(pauseBeforeReconnecting(2, 1)).toBe(4000);
  expect(pauseBeforeReconnecting(20, 1)).toBe(15_000);
});
