export interface ServerMessage {
  event: string;
  data: string;
}

/** Splits a server-sent event stream into messages; comments and half messages stay inside. */
export class MessageParser {
  private buffer = '';

  push(chunk: string): ServerMessage[] {
    this.buffer = (this.buffer + chunk).replace(/\r\n?/g, '\n');
    const blocks = this.buffer.split('\n\n');
    this.buffer = blocks.pop() ?? '';
    return blocks.flatMap((block) => {
      let event = 'message';
      const data: string[] = [];
      for (const line of block.split('\n')) {
        const colon = line.indexOf(':');
        const field = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
        if (field === 'event') event = value;
        if (field === 'data') data.push(value);
      }
      return data.length > 0 ? [{ event, data: data.join('\n') }] : [];
    });
  }
}
