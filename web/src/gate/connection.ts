/**
 * Whether the server was silent when it was last asked. Then the next in the queue at the door does not wait for it
 * again: the device decides at once, and goes on asking the server beside (`sync`).
 */
let silent = false;

export const isSilent = () => silent;

export function wasSilent(): void {
  silent = true;
}

export function wasHeard(): void {
  silent = false;
}
