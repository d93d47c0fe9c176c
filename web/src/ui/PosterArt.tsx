import { MOTIFS, posterStyle, type PosterStyle } from './posterStyle';

const range = (length: number) => Array.from({ length }, (_, index) => index);

/** Rows of seats bent around a stage. */
function Bowl({ accent, text, seed }: PosterStyle) {
  const lit = seed % 40;
  return range(9).flatMap((row) => {
    const radius = 90 + row * 44;
    const seats = Math.round(radius / 11);
    return range(seats).map((seat) => {
      const angle = Math.PI * (0.06 + (0.88 * seat) / (seats - 1));
      const isLit = (row * 17 + seat * 5 + lit) % 13 < 3;
      return (
        <circle
          key={`${String(row)}-${String(seat)}`}
          cx={200 + Math.cos(angle) * radius}
          cy={40 + Math.sin(angle) * radius}
          r={11}
          fill={isLit ? accent : text}
          opacity={isLit ? 1 : 0.16}
        />
      );
    });
  });
}

function Beams({ accent, text, seed }: PosterStyle) {
  const from = 60 + (seed % 280);
  return range(7).map((beam) => (
    <path
      key={beam}
      d={`M${String(from)} -20 L${String(beam * 95 - 110)} 520 L${String(beam * 95 - 62)} 520 Z`}
      fill={beam % 3 === 1 ? accent : text}
      opacity={beam % 3 === 1 ? 0.95 : 0.14}
    />
  ));
}

function Discs({ accent, text, seed }: PosterStyle) {
  const x = 120 + (seed % 160);
  return (
    <>
      <circle cx={x} cy={210} r={190} fill={accent} />
      {range(5).map((ring) => (
        <circle
          key={ring}
          cx={400 - x}
          cy={380}
          r={40 + ring * 42}
          fill="none"
          stroke={text}
          strokeWidth={10}
          opacity={0.28}
        />
      ))}
    </>
  );
}

function Bars({ accent, text, seed }: PosterStyle) {
  return range(10).map((bar) => {
    const height = 90 + ((seed >>> (bar % 12)) % 29) * 11;
    return (
      <rect
        key={bar}
        x={bar * 40 + 5}
        y={500 - height}
        width={30}
        height={height}
        fill={bar % 4 === seed % 4 ? accent : text}
        opacity={bar % 4 === seed % 4 ? 1 : 0.16}
      />
    );
  });
}

function Quarters({ accent, text, seed }: PosterStyle) {
  return range(20).map((cell) => {
    const x = (cell % 4) * 100;
    const y = Math.floor(cell / 4) * 100;
    const turn = (Math.imul(seed + cell, 2654435761) >>> 28) % 4;
    const strong = (cell * 7 + seed) % 5 === 0;
    return (
      <path
        key={cell}
        d="M0 0 H100 A100 100 0 0 1 0 100 Z"
        transform={`translate(${String(x)} ${String(y)}) rotate(${String(turn * 90)} 50 50)`}
        fill={strong ? accent : text}
        opacity={strong ? 1 : 0.13}
      />
    );
  });
}

const motifs = [Bowl, Beams, Discs, Bars, Quarters];

/** Events carry no pictures, so each gets a poster of its own, always the same for the same event. */
export function PosterArt({ eventId, className }: { eventId: string; className?: string }) {
  const style = posterStyle(eventId);
  const Motif = motifs[style.motif % MOTIFS] ?? Bowl;
  return (
    <svg
      aria-hidden
      viewBox="0 0 400 500"
      preserveAspectRatio="xMidYMid slice"
      className={className}
      // A shade darker than the words' side, so that the cut between them looks meant.
      style={{ background: `color-mix(in srgb, ${style.background} 90%, black)` }}
    >
      <Motif {...style} />
    </svg>
  );
}
