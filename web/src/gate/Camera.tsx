import { useEffect, useRef, useState } from 'react';
import { Button } from '@/ui/Button';
import { Notice } from '@/ui/Notice';
import { CameraError, openCamera, prepareCamera, type CameraFault } from './openCamera';

const words: Record<CameraFault, string> = {
  insecure: 'Browsers give a page the camera at https addresses only.',
  refused:
    'This page may not use the camera. Allow it in the browser’s settings of this address, then turn it on again.',
  missing: 'This device has no camera.',
  busy: 'The camera does not start. Another app may be using it.',
  unread: 'What reads the codes could not be loaded. It has to be online once.',
};

/** Codes that are held before the camera. Off at first: a gate with a hardware scanner needs none. */
export function Camera({ onCode }: { onCode: (code: string) => void }) {
  const [on, setOn] = useState(false);
  const [fault, setFault] = useState<CameraFault | null>(null);

  useEffect(() => {
    // Without a network it can't be fetched; turning the camera on says so then.
    prepareCamera().catch(() => undefined);
  }, []);

  const fail = (found: CameraFault) => {
    setFault(found);
    setOn(false);
  };
  return (
    <div className="grid gap-3">
      {on && <Picture onCode={onCode} onFault={fail} />}
      {fault && !on && (
        <Notice tone="warn">
          <span role="alert" data-testid="gate-camera-fault" data-fault={fault}>
            {words[fault]}
          </span>
        </Notice>
      )}
      <Button
        kind="secondary"
        onClick={() => {
          setFault(null);
          setOn(!on);
        }}
        data-testid="gate-camera"
      >
        {on ? 'Turn the camera off' : 'Use the camera'}
      </Button>
    </div>
  );
}

interface PictureProps {
  onCode: (code: string) => void;
  onFault: (fault: CameraFault) => void;
}

function Picture({ onCode, onFault }: PictureProps) {
  const video = useRef<HTMLVideoElement>(null);
  const latest = useRef({ onCode, onFault });
  useEffect(() => {
    latest.current = { onCode, onFault };
  });
  useEffect(() => {
    let left = false;
    let close: (() => void) | undefined;
    const shown = video.current;
    if (!shown) return;
    const fail = (fault: CameraFault) => latest.current.onFault(fault);
    openCamera(shown, (code) => latest.current.onCode(code), fail).then(
      (end) => {
        close = end;
        if (left) end();
      },
      (error: unknown) => {
        if (left) return;
        if (!(error instanceof CameraError)) throw error;
        fail(error.fault);
      },
    );
    return () => {
      left = true;
      close?.();
    };
  }, []);
  return (
    <video
      ref={video}
      muted
      playsInline
      aria-label="What the camera sees"
      className="max-h-[35dvh] min-h-40 w-full rounded-md bg-black object-cover"
      data-testid="gate-camera-picture"
    />
  );
}
