import { Download } from 'lucide';
import { useState } from 'react';
import * as calls from '@/api/calls';
import { ApiError } from '@/api/problem';
import { saveFile } from '@/lib/download';
import { Icon } from './Icon';
import { Button } from './Button';

interface Props {
  path: string;
  name: string;
  children: string;
}

/** A plain link would carry no token, so the file is fetched and then handed to the browser. */
export function SaveButton({ path, name, children }: Props) {
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState(false);
  const save = async () => {
    setBusy(true);
    setFailed(false);
    try {
      saveFile(await calls.files.fetch(path), name);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setFailed(true);
    } finally {
      setBusy(false);
    }
  };
  return (
    <span className="inline-grid gap-1">
      <Button kind="secondary" busy={busy && 'Loading'} onClick={() => void save()}>
        <Icon of={Download} className="size-4" />
        {children}
      </Button>
      {failed && (
        <span role="alert" className="text-sm text-bad">
          The file could not be loaded. Try again.
        </span>
      )}
    </span>
  );
}
