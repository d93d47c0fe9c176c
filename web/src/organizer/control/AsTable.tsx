import type { ReactNode } from 'react';

/** The figures behind a picture, for who opens them; `columns` after the first are figures. */
export function AsTable({
  title,
  columns,
  children,
}: {
  title: string;
  columns: string[];
  children: ReactNode;
}) {
  return (
    <details>
      <summary className="min-h-[44px] cursor-pointer content-center text-sm">
        {title} as a table
      </summary>
      <div
        role="region"
        aria-label={`${title}, table`}
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls has to be reached by keys
        tabIndex={0}
        className="max-h-80 overflow-auto"
      >
        <table className="w-full text-sm">
          <thead>
            <tr className="border-b border-line text-left text-soft">
              {columns.map((name, index) => (
                <th
                  key={name}
                  scope="col"
                  className={`py-1.5 font-medium ${index > 0 ? 'pl-4 text-right' : ''}`}
                >
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody className="divide-y divide-line">{children}</tbody>
        </table>
      </div>
    </details>
  );
}

export function Row({ name, figures }: { name: string; figures: string[] }) {
  return (
    <tr>
      <th scope="row" className="py-1.5 text-left font-normal">
        {name}
      </th>
      {figures.map((figure, column) => (
        <td key={column} className="py-1.5 pl-4 text-right">
          {figure}
        </td>
      ))}
    </tr>
  );
}
