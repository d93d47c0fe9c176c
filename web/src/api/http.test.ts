// @vitest-environment jsdom
import { AxiosError, type InternalAxiosRequestConfig } from 'axios';
import { beforeEach, describe, expect, it, vi } from 'vitest';

const refresh = vi.hoisted(() => vi.fn<(failed: string | null) => Promise<string>>());
vi.mock('./refresh', () => ({
  createRefresher: () => refresh,
  exclusiveAcrossTabs: vi.fn(),
}));

const { http } = await import('./http');
const { ApiError } = await import('./problem');
const { useSession } = await import('./session');

interface Answer {
  status: number;
  data?: unknown;
}

function serve(...answers: Answer[]) {
  const seen: { auth: unknown }[] = [];
  http.defaults.adapter = (config: InternalAxiosRequestConfig) => {
    seen.push({ auth: config.headers.get('Authorization') });
    const answer = answers.shift() ?? { status: 200, data: 'late' };
    const response = {
      data: answer.data,
      status: answer.status,
      statusText: '',
      headers: {},
      config,
    };
    if (answer.status === 0) {
      return Promise.reject(new AxiosError('cut', 'ERR_NETWORK', config));
    }
    return answer.status < 400
      ? Promise.resolve(response)
      : Promise.reject(new AxiosError('no', undefined, config, undefined, response));
  };
  return seen;
}

describe('the interceptors', () => {
  beforeEach(() => {
    refresh.mockReset();
    localStorage.clear();
    useSession.setState({ status: 'signed-in', token: 'old' });
  });

  it('attaches the token, but not to public requests', async () => {
    const seen = serve({ status: 200 }, { status: 200 });
    await http.get('/orders');
    await http.get('/events', { anonymous: true });
    expect(seen.map(({ auth }) => auth ?? null)).toEqual(['Bearer old', null]);
  });

  it('refreshes an expired token and repeats the request once', async () => {
    const seen = serve(
      { status: 401, data: { code: 'token_expired' } },
      { status: 200, data: 'yes' },
    );
    refresh.mockImplementation(() => {
      useSession.setState({ token: 'new' });
      return Promise.resolve('new');
    });
    expect((await http.get('/orders')).data).toBe('yes');
    expect(refresh).toHaveBeenCalledExactlyOnceWith('old');
    expect(seen.map(({ auth }) => auth)).toEqual(['Bearer old', 'Bearer new']);
  });

  it('does not repeat a second time', async () => {
    serve(
      { status: 401, data: { code: 'token_expired' } },
      { status: 401, data: { code: 'token_expired' } },
    );
    refresh.mockResolvedValue('new');
    await expect(http.get('/orders')).rejects.toMatchObject({ code: 'token_expired' });
    expect(refresh).toHaveBeenCalledTimes(1);
  });

  it('leaves every other 401 alone', async () => {
    serve({ status: 401, data: { code: 'token_invalid' } });
    await expect(http.get('/orders')).rejects.toMatchObject({ status: 401 });
    expect(refresh).not.toHaveBeenCalled();
  });

  it('turns a lost answer into an error of status 0', async () => {
    serve({ status: 0 });
    const error: unknown = await http.get('/orders').catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 0, transient: true });
  });
});
