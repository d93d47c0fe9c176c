import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { orderStreamPath } from './calls';
import { orderQuery, ordersQuery, pendingQuery, timedOrder } from './queries';
import { follow } from './stream';
import type { Order, OrderStatus } from './types';

const moving: OrderStatus[] = ['awaiting_payment', 'processing', 'refunding'];
const POLL_MS = 3000;

/** The order as it changes: pushed by the server, and asked for now and then in case the stream is cut. */
export function useOrderLive(orderId: string | null) {
  const client = useQueryClient();
  const query = useQuery({
    ...orderQuery(orderId ?? ''),
    enabled: orderId !== null,
    refetchInterval: ({ state }) =>
      state.data && moving.includes(state.data.status) ? POLL_MS : false,
  });
  const isMoving = query.data !== undefined && moving.includes(query.data.status);

  useEffect(() => {
    if (orderId === null || !isMoving) return undefined;
    const stop = new AbortController();
    void follow(
      orderStreamPath(orderId),
      {
        onMessage: ({ event, data }) => {
          if (event !== 'order') return;
          const order = timedOrder(JSON.parse(data) as Order);
          client.setQueryData(orderQuery(orderId).queryKey, order);
        },
      },
      stop.signal,
    );
    return () => stop.abort();
  }, [client, orderId, isMoving]);

  const status = query.data?.status;
  useEffect(() => {
    if (status === undefined) return;
    void client.invalidateQueries({ queryKey: pendingQuery().queryKey });
    void client.invalidateQueries({ queryKey: ordersQuery().queryKey });
  }, [client, status]);

  return query;
}
