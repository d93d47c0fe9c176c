import { useRef, useState, type ReactNode, type SubmitEvent } from 'react';
import { Intent } from '@/api/intent';
import { useAttempt } from '@/lib/useAttempt';
import { Button } from './Button';
import { Dialog } from './Dialog';
import { Notice } from './Notice';

interface Props {
  name: string;
  /** Where several buttons of a page have the same name. */
  label?: string;
  testId: string;
  title: string;
  submit: string;
  kind?: 'primary' | 'secondary' | 'danger' | undefined;
  /** Something was done: what is shown is old. */
  onDone?: () => Promise<unknown>;
  send: (data: FormData, key: string) => Promise<unknown>;
  children: (errors: Record<string, string>) => ReactNode;
}

/** A button and its dialog. One press is one intent, however often it is tried. */
export function Act({
  name,
  label,
  testId,
  title,
  submit,
  kind = 'secondary',
  onDone,
  send,
  children,
}: Props) {
  const intent = useRef(new Intent());
  const [open, setOpen] = useState(false);
  const { busy, error, attempt, forget } = useAttempt();
  const act = (data: FormData) =>
    attempt(async () => {
      await intent.current.run([...data.entries()], (key) => send(data, key));
      setOpen(false);
      await onDone?.();
    });
  const onSubmit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (!busy) void act(new FormData(event.currentTarget));
  };
  const close = () => {
    setOpen(false);
    forget();
  };
  return (
    <>
      <Button kind={kind} aria-label={label} data-testid={testId} onClick={() => setOpen(true)}>
        {name}
      </Button>
      <Dialog title={title} open={open} onClose={close}>
        {open && (
          <form noValidate onSubmit={onSubmit} className="grid gap-4">
            {children(error?.errors ?? {})}
            {error && Object.keys(error.errors).length === 0 && (
              <Notice tone="bad" title="Nothing was changed, as far as we know">
                {error.status === 0
                  ? 'The server did not answer. Press again: it is not done twice.'
                  : error.message}
              </Notice>
            )}
            <div className="flex flex-wrap gap-3">
              <Button
                type="submit"
                kind={kind === 'danger' ? 'danger' : 'primary'}
                busy={busy && 'Working'}
                data-testid={`${testId}-confirm`}
              >
                {submit}
              </Button>
              <Button kind="secondary" onClick={close}>
                Leave it
              </Button>
            </div>
          </form>
        )}
      </Dialog>
    </>
  );
}
