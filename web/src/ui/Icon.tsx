import type { IconNode } from 'lucide';
import { createElement } from 'react';

interface Props {
  of: IconNode;
  className?: string;
  strokeWidth?: number;
}

/** A drawing beside words that say the same, so screen readers pass it over. Its size comes from the class. */
export function Icon({ of, className, strokeWidth = 2 }: Props) {
  return (
    <svg
      aria-hidden
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={strokeWidth}
      strokeLinecap="round"
      strokeLinejoin="round"
      className={className}
    >
      {of.map(([tag, attributes], index) => createElement(tag, { key: index, ...attributes }))}
    </svg>
  );
}
