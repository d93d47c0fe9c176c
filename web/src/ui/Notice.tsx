import { CircleAlert, CircleCheck, Info, TriangleAlert } from 'lucide';
import type { ReactNode } from 'react';
import { cx } from '@/lib/cx';
import { Icon } from './Icon';

const tones = {
  info: { box: 'bg-sunk text-ink', icon: Info },
  ok: { box: 'bg-ok-wash text-ok', icon: CircleCheck },
  warn: { box: 'bg-warn-wash text-warn', icon: TriangleAlert },
  bad: { box: 'bg-bad-wash text-bad', icon: CircleAlert },
};

interface Props {
  tone?: keyof typeof tones;
  title?: string;
  children?: ReactNode;
  testId?: string;
}

/** Something the person should know. Bad news interrupts a screen reader, the rest waits. */
export function Notice({ tone = 'info', title, children, testId }: Props) {
  const { box, icon } = tones[tone];
  return (
    <div
      role={tone === 'bad' ? 'alert' : 'status'}
      data-testid={testId}
      className={cx('flex gap-3 rounded-md p-4 text-sm leading-relaxed', box)}
    >
      <Icon of={icon} className="mt-0.5 size-4.5 shrink-0" />
      <div className="grid min-w-0 gap-1 wrap-break-word">
        {title && <p className="font-semibold">{title}</p>}
        {children && <div>{children}</div>}
      </div>
    </div>
  );
}
