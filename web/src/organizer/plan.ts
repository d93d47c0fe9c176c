export interface PlanSummary {
  name: string;
  seats: number;
  categories: { name: string; seats: number }[];
  zones: string[];
}

interface RawPlan {
  name?: unknown;
  categories?: unknown;
  zones?: unknown;
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
const list = (value: unknown): Record<string, unknown>[] =>
  Array.isArray(value) ? value.map(record) : [];
const words = (value: unknown) => (typeof value === 'string' ? value : '');

export class PlanError extends Error {
  override name = 'PlanError';
}

/** Just enough of a seating plan to ask for its prices; whether it is a good plan the server says. */
export function summarize(text: string): { plan: unknown; summary: PlanSummary } {
  let plan: unknown;
  try {
    plan = JSON.parse(text);
  } catch {
    throw new PlanError('This file is not JSON. A seating plan is a JSON file in pretix format.');
  }
  const raw: RawPlan = record(plan);
  const categories = list(raw.categories).map((category) => words(category['name']));
  if (categories.length === 0 || !Array.isArray(raw.zones)) {
    throw new PlanError('This file is no seating plan: it has no categories or no zones.');
  }
  const counts = new Map(categories.map((name) => [name, 0]));
  let seats = 0;
  for (const zone of list(raw.zones)) {
    for (const row of list(zone['rows'])) {
      for (const seat of list(row['seats'])) {
        seats += 1;
        const name = words(seat['category']);
        if (counts.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
      }
    }
  }
  return {
    plan,
    summary: {
      name: words(raw.name),
      seats,
      categories: categories.map((name) => ({ name, seats: counts.get(name) ?? 0 })),
      zones: list(raw.zones).map((zone) => words(zone['name'])),
    },
  };
}
