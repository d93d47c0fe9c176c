import type { Connection } from '@/lib/hall/feed';

const words: Record<Connection, string> = {
  connecting: 'Connecting',
  live: 'Live',
  polling: 'Updated every few seconds',
  lost: 'No connection: what you see may be out of date',
};

/** Shapes tell the status; colours tell the price. */
export function Legend({ connection }: { connection: Connection }) {
  return (
    <div className="flex shrink-0 flex-wrap items-center gap-x-4 gap-y-1 border-t border-line px-4 py-2 text-xs text-soft md:px-6">
      <span className="inline-flex items-center gap-1.5">
        <svg aria-hidden viewBox="0 0 12 12" className="size-3">
          <circle cx="6" cy="6" r="5" fill="currentColor" />
        </svg>
        Available
      </span>
      <span className="inline-flex items-center gap-1.5">
        <svg aria-hidden viewBox="0 0 12 12" className="size-3">
          <circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" strokeWidth="1.4" />
        </svg>
        Held
      </span>
      <span className="inline-flex items-center gap-1.5">
        <svg aria-hidden viewBox="0 0 12 12" className="size-3">
          <circle cx="6" cy="6" r="2.5" fill="currentColor" opacity="0.6" />
        </svg>
        Sold
      </span>
      <span className="inline-flex items-center gap-1.5">
        <svg aria-hidden viewBox="0 0 12 12" className="size-3">
          <path d="M2 6h8" stroke="currentColor" strokeWidth="2" />
        </svg>
        Not on sale
      </span>
      <span role="status" data-testid="connection" className="ml-auto">
        {connection === 'connecting' ? <Connecting /> : words[connection]}
      </span>
    </div>
  );
}

/** On a phone the word takes the room of the one that follows it, or the line would break and the map would grow. */
function Connecting() {
  return (
    <>
      <span className="max-md:sr-only">{words.connecting}</span>
      <span aria-hidden className="invisible md:hidden">
        {words.live}
      </span>
    </>
  );
}
