import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { files } from '@/api/calls';
import { fileQuery } from '@/api/queries';
import { Button } from '@/ui/Button';
import { Skeleton } from '@/ui/Skeleton';

/** The code as an image that only its owner can fetch; on white whatever the theme, since scanners need contrast. */
export function TicketQr({ ticketId, label }: { ticketId: string; label: string }) {
  const { data, error, refetch } = useQuery(fileQuery(files.ticketQr(ticketId)));
  const image = useRef<HTMLImageElement>(null);
  useEffect(() => {
    if (!data || !image.current) return undefined;
    const url = URL.createObjectURL(data);
    image.current.src = url;
    return () => URL.revokeObjectURL(url);
  }, [data]);
  if (error) {
    return (
      <div className="grid aspect-square w-44 max-w-full place-items-center text-center text-sm">
        The QR code could not be loaded; the code below counts as well.
        <Button kind="plain" onClick={() => void refetch()}>
          Try again
        </Button>
      </div>
    );
  }
  if (!data)
    return <Skeleton label="Loading the QR code" className="aspect-square w-44 max-w-full" />;
  return (
    <img
      ref={image}
      alt={`QR code for ${label}`}
      data-testid="ticket-qr"
      className="aspect-square w-44 max-w-full rounded-md bg-white p-2"
    />
  );
}
