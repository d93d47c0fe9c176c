import { expect, it } from 'vitest';
import { MessageParser } from './messages';

it('puts messages together across chunks, without comments', () => {
  const parser = new MessageParser();
  expect(parser.push(': hello\n\nevent: order\nda')).toEqual([]);
  expect(parser.push('ta: {"a":1}\n')).toEqual([]);
  expect(parser.push('\ndata: x\ndata: y\n\n')).toEqual([
    { event: 'order', data: '{"a":1}' },
    { event: 'message', data: 'x\ny' },
  ]);
  expect(parser.push('event: order\r\ndata: z\r\n\r\n')).toEqual([{ event: 'order', data: 'z' }]);
});
