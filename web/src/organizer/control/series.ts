/** One figure over time; null is not known. */
export interface Series {
  name: string;
  values: (number | null)[];
}

export interface Rows {
  /** Seconds since 1970. */
  at: number[];
  series: Series[];
}

/** A line may only join points that follow each other: where some are missing, one that is not known stands. */
export function withGaps({ at, series }: Rows, seconds: number): Rows {
  const steps: (number | null)[] = [];
  at.forEach((moment, index) => {
    const before = at[index - 1];
    if (before !== undefined && moment - before > 1.5 * seconds) steps.push(null);
    steps.push(index);
  });
  const gapAt = (index: number) => (at[steps[index - 1] ?? 0] ?? 0) + seconds;
  return {
    at: steps.map((step, index) => (step === null ? gapAt(index) : (at[step] ?? 0))),
    series: series.map(({ name, values }) => ({
      name,
      values: steps.map((step) => (step === null ? null : (values[step] ?? null))),
    })),
  };
}

/** The last point of each minute, the latest first: what a person can read in a table. */
export function byMinute({ at, series }: Rows): { at: number; values: (number | null)[] }[] {
  const rows = new Map<number, { at: number; values: (number | null)[] }>();
  at.forEach((moment, index) => {
    const values = series.map((one) => one.values[index] ?? null);
    rows.set(Math.floor(moment / 60), { at: moment, values });
  });
  return [...rows.values()].reverse();
}
