const SHOWN = 20;

/** The server names each mistake by its place in the plan, row and seat included. */
export function Mistakes({ errors }: { errors: Record<string, string> }) {
  const entries = Object.entries(errors);
  if (entries.length === 0) return null;
  return (
    <ul className="mt-2 grid gap-1.5" data-testid="mistakes">
      {entries.slice(0, SHOWN).map(([place, message]) => (
        <li key={place}>
          <code className="block text-xs break-all">{place}</code>
          {message}
        </li>
      ))}
      {entries.length > SHOWN && <li>and {entries.length - SHOWN} more</li>}
    </ul>
  );
}
