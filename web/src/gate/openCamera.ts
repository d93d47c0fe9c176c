/** The camera as a scanner. The one place that knows the library of codes: `./codeReader`, loaded when it is needed. */

export type CameraFault = 'insecure' | 'refused' | 'missing' | 'busy' | 'unread';

export class CameraError extends Error {
  readonly fault: CameraFault;

  constructor(fault: CameraFault, options?: ErrorOptions) {
    super(fault, options);
    this.fault = fault;
  }
}

const LOOK_MS = 100;
/** A ticket that stays before the camera is one scan; it is another one after it was out of sight for so long. */
const OUT_OF_SIGHT_MS = 2000;

const faults: Partial<Record<string, CameraFault>> = {
  NotAllowedError: 'refused',
  SecurityError: 'refused',
  NotFoundError: 'missing',
  OverconstrainedError: 'missing',
};

/** Calls `onCode` with what is read until the answer is called. Raises `CameraError`; `onFault` is for later. */
export async function openCamera(
  video: HTMLVideoElement,
  onCode: (code: string) => void,
  onFault: (fault: CameraFault) => void,
): Promise<() => void> {
  const stream = await started();
  const stop = () => {
    for (const track of stream.getTracks()) track.stop();
  };
  try {
    const detector = await loaded();
    video.srcObject = stream;
    await video.play();
    const isThere = () => video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
    const end = watch(
      async () => (isThere() ? await detector.detect(video) : []),
      onCode,
      () => onFault('unread'),
    );
    for (const track of stream.getTracks()) track.onended = () => onFault('busy');
    return () => {
      end();
      stop();
    };
  } catch (error) {
    stop();
    throw error;
  }
}

async function started(): Promise<MediaStream> {
  // Browsers hide their cameras from pages at insecure addresses.
  if (!('mediaDevices' in navigator)) throw new CameraError('insecure');
  try {
    return await navigator.mediaDevices.getUserMedia({
      video: { facingMode: 'environment', width: { ideal: 1280 }, height: { ideal: 720 } },
    });
  } catch (error) {
    const fault = error instanceof DOMException ? faults[error.name] : undefined;
    throw new CameraError(fault ?? 'busy', { cause: error });
  }
}

async function loaded() {
  try {
    const { openReader } = await import('./codeReader');
    return await openReader();
  } catch (error) {
    throw new CameraError('unread', { cause: error });
  }
}

/** Fetches what the camera needs, so that it works without a network later. */
export async function prepareCamera(): Promise<void> {
  const { prepareReader } = await import('./codeReader');
  await prepareReader();
}

export function watch(
  detect: () => Promise<{ rawValue: string }[]>,
  onCode: (code: string) => void,
  onError: () => void,
): () => void {
  const seen = new Map<string, number>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ended = false;
  const look = async () => {
    const codes = await detect();
    const now = performance.now();
    for (const { rawValue } of codes) {
      const before = seen.get(rawValue);
      seen.set(rawValue, now);
      const isNew = before === undefined || now - before > OUT_OF_SIGHT_MS;
      if (isNew && rawValue && !ended) onCode(rawValue);
    }
  };
  const next = () => {
    if (!ended) timer = setTimeout(() => void look().then(next, onError), LOOK_MS);
  };
  next();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
