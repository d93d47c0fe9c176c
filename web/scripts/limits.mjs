/**
 * Writes what the server's document says of an event's limits and of currencies into `src/api`, so that a form
 * and the server never disagree. Run by `npm run types`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, URL } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { NewEventInput: event, AreaInput: area } = JSON.parse(
  readFileSync(here('../openapi.json'), 'utf8'),
).components.schemas;

const bounds = ({ minLength, maxLength, minimum, maximum }) => ({
  ...(minLength === undefined ? {} : { minLength }),
  ...(maxLength === undefined ? {} : { maxLength }),
  ...(minimum === undefined ? {} : { min: minimum }),
  ...(maximum === undefined ? {} : { max: maximum }),
});
const written = (value) => JSON.stringify(value, null, 2).replace(/"(\w+)":/g, '$1:');
const note = '/** Written by `make types` from the API document. */\n';

const { title, description, venue, timezone, hold_seconds, max_seats_per_order } = event.properties;
const max_seats_per_buyer = event.properties.max_seats_per_buyer.anyOf[0];
const fields = {
  title,
  description,
  venue,
  timezone,
  hold_seconds,
  max_seats_per_order,
  max_seats_per_buyer,
};
const limits = {
  ...Object.fromEntries(Object.entries(fields).map(([name, schema]) => [name, bounds(schema)])),
  area_name: bounds(area.properties.name),
  area_capacity: bounds(area.properties.capacity),
};
const exponents = event.properties.currency['x-exponents'];
const odd = Object.fromEntries(Object.entries(exponents).filter(([, digits]) => digits !== 2));

writeFileSync(
  here('../src/api/limits.ts'),
  `${note}export const limits = ${written(limits)} as const;\n\n` +
    `export const currencies = ${JSON.stringify(Object.keys(exponents).join(' '))}.split(' ');\n`,
);
writeFileSync(
  here('../src/api/exponents.ts'),
  `${note}/** Digits of the minor unit by ISO 4217, where they are not two. */\n` +
    `export const exponents: Record<string, number> = ${written(odd)};\n`,
);
