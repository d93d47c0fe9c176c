import { useEffect, useRef, useState, type SubmitEvent } from 'react';
import { hasRole, useSession } from '@/api/session';
import type { CheckinRequest } from '@/api/types';
import { Button } from '@/ui/Button';
import { Field } from '@/ui/Field';
import type { GateState } from './machine';
import { isOverridable } from './standing';
import { resultOf } from './verdict';

interface Props {
  shown: GateState['shown'];
  onOverride: (code: string, changes: Partial<CheckinRequest>) => void;
}

/** A supervisor lets in by a ticket that is used or refunded; the reason stands in the order's history. */
export function Override({ shown, onOverride }: Props) {
  const user = useSession((session) => session.user);
  if (!hasRole(user, 'organizer', 'admin')) return null;
  if (shown.kind !== 'verdict' || !isOverridable(resultOf(shown.verdict))) return null;
  return <Reason key={shown.number} scan={shown.scan} onOverride={onOverride} />;
}

function Reason({ scan, onOverride }: { scan: CheckinRequest } & Pick<Props, 'onOverride'>) {
  const [asked, setAsked] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (asked) field.current?.focus();
  }, [asked]);
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const reason = field.current?.value.trim() ?? '';
    if (reason.length < 3) return;
    onOverride(scan.code, {
      override_reason: reason,
      ...(scan.by_name ? { by_name: true } : {}),
    });
  };
  if (!asked) {
    return (
      <Button kind="secondary" onClick={() => setAsked(true)} data-testid="gate-override">
        Let in anyway
      </Button>
    );
  }
  return (
    <form onSubmit={submit} className="flex items-end gap-3">
      <div className="grow">
        <Field
          ref={field}
          label="Why this person is let in"
          name="reason"
          required
          minLength={3}
          maxLength={200}
          autoComplete="off"
          data-testid="gate-override-reason"
        />
      </div>
      <Button type="submit" data-testid="gate-override-go">
        Let in
      </Button>
    </form>
  );
}
