import { isAxiosError } from 'axios';

interface ProblemBody {
  code?: string;
  title?: string;
  detail?: string;
  request_id?: string;
  errors?: Record<string, string>;
  [extra: string]: unknown;
}

/**
 * A refusal or failure of the back end. `status` 0 means that no answer arrived: the request may or may not have
 * been carried out.
 */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly errors: Record<string, string>;
  readonly requestId: string | null;
  readonly retryAfterSeconds: number | null;
  readonly body: Readonly<Record<string, unknown>>;

  constructor(status: number, body: ProblemBody, retryAfterSeconds: number | null = null) {
    super(body.detail ?? body.title ?? 'The request failed.');
    this.name = 'ApiError';
    this.status = status;
    this.code = body.code ?? (status === 0 ? 'network' : 'unknown');
    this.errors = body.errors ?? {};
    this.requestId = body.request_id ?? null;
    this.retryAfterSeconds = retryAfterSeconds;
    this.body = body;
  }

  /** No answer, or a server that is in trouble: the same request may succeed a little later. */
  get transient(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export function parseRetryAfter(header: unknown, now = Date.now()): number | null {
  if (typeof header !== 'string' || header === '') return null;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const date = Date.parse(header);
  return Number.isNaN(date) ? null : Math.max(0, Math.ceil((date - now) / 1000));
}

function isRecord(value: unknown): value is ProblemBody {
  return Object.prototype.toString.call(value) === '[object Object]';
}

async function readBody(data: unknown): Promise<ProblemBody> {
  if (isRecord(data)) return data;
  try {
    // A download that fails still answers with a problem document, but as bytes.
    const parsed: unknown = await new Response(data as BodyInit).json();
    return isRecord(parsed) ? parsed : {};
  } catch {
    // Not a problem document (a proxy's HTML page, say): the status alone has to do.
    return {};
  }
}

export async function toApiError(error: unknown): Promise<unknown> {
  if (error instanceof ApiError || !isAxiosError(error)) return error;
  const { response } = error;
  if (!response) {
    if (error.code === 'ERR_CANCELED') return error;
    return new ApiError(0, { detail: 'No answer came from the server.' });
  }
  const retryAfter = parseRetryAfter(response.headers['retry-after']);
  return new ApiError(response.status, await readBody(response.data), retryAfter);
}

export function isApiError(error: unknown, code?: string): error is ApiError {
  return error instanceof ApiError && (code === undefined || error.code === code);
}
