import { useEffect, useId, useRef, type ReactNode } from 'react';

interface Props {
  title: string;
  open: boolean;
  onClose: () => void;
  children: ReactNode;
}

/** The browser's own modal dialog: focus trap, Escape and inert background come with it. */
export function Dialog({ title, open, onClose, children }: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const dialog = ref.current;
    if (open && dialog && !dialog.open) dialog.showModal();
    if (!open) dialog?.close();
  }, [open]);
  return (
    <dialog
      ref={ref}
      onClose={onClose}
      aria-labelledby={heading}
      className="mx-0 mt-auto mb-0 w-full max-w-none rounded-t-xl border border-line bg-paper p-6 text-ink sm:m-auto sm:max-w-md sm:rounded-xl"
    >
      <h2 id={heading} className="mb-3 display text-3xl">
        {title}
      </h2>
      {children}
    </dialog>
  );
}
