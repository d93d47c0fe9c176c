// Lists what /api/openapi.json describes and sends requests to it. The access token stays in this page's memory.
'use strict';

let token = '';

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function example(schema, components, depth = 0) {
  if (depth > 6 || !schema) return null;
  if (schema.$ref) return example(components[schema.$ref.split('/').pop()], components, depth);
  if ('default' in schema && schema.default !== null) return schema.default;
  if ('const' in schema) return schema.const;
  if (schema.enum) return schema.enum[0];
  const oneOf = schema.anyOf || schema.oneOf;
  if (oneOf) return example(oneOf.find((one) => one.type !== 'null') || oneOf[0], components, depth + 1);
  if (schema.properties) {
    const required = schema.required || [];
    const names = Object.keys(schema.properties);
    const shown = depth === 0 && required.length === 0 ? names : names.filter((name) => required.includes(name));
    return Object.fromEntries(shown.map((name) => [name, example(schema.properties[name], components, depth + 1)]));
  }
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === 'array') return [];
  if (type === 'object') return {};
  if (type === 'integer' || type === 'number') return schema.minimum ?? 0;
  if (type === 'boolean') return false;
  if (schema.format === 'date-time') return new Date(Date.now() + 7 * 86400000).toISOString();
  return '';
}

async function shown(answer) {
  const type = answer.headers.get('content-type') || '';
  const head = `${answer.status} ${answer.statusText}\n` +
    [...answer.headers].filter(([name]) => /^(content-type|etag|location|retry-after|idempotent|x-request-id)/.test(name))
      .map(([name, value]) => `${name}: ${value}`).join('\n') + '\n\n';
  if (type.includes('json')) return head + JSON.stringify(await answer.json(), null, 2);
  if (type.startsWith('text/') || type.includes('xml')) return head + (await answer.text());
  return head + `${(await answer.arrayBuffer()).byteLength} bytes`;
}

async function showStream(answer, output, signal) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  output.textContent = `${answer.status} stream\n\n`;
  while (!signal.aborted) {
    const { value, done } = await reader.read();
    if (done) break;
    output.textContent = (output.textContent + value).slice(-20000);
  }
}

function operationView(method, path, operation, components) {
  const output = element('pre', { role: 'status', hidden: '' });
  const fields = element('div', { class: 'fields' });
  for (const parameter of operation.parameters || []) {
    const input = element('input', { name: `${parameter.in}:${parameter.name}` });
    if (parameter.name === 'Idempotency-Key') input.value = crypto.randomUUID ? crypto.randomUUID() : String(Math.random());
    if (parameter.required) input.required = true;
    fields.append(element('label', {}, `${parameter.name} (${parameter.in}${parameter.required ? '' : ', optional'})`, input));
  }
  const form = element('form', { class: 'try' });
  if (operation.description) form.append(element('p', {}, operation.description));
  if (operation['x-roles']) form.append(element('p', {}, `Needs the role ${operation['x-roles'].join(' or ')}.`));
  if (fields.children.length) form.append(fields);
  let body = null;
  if (operation.requestBody) {
    body = element('textarea', { name: 'body', spellcheck: 'false' });
    const schema = operation.requestBody.content['application/json'].schema;
    body.value = JSON.stringify(example(schema, components), null, 2);
    form.append(element('label', {}, 'Body', body));
  }
  form.append(element('button', {}, 'Send'), output);

  let running = null;
  form.addEventListener('submit', async (submitted) => {
    submitted.preventDefault();
    if (running) running.abort();
    running = new AbortController();
    const { signal } = running;
    const headers = token && (operation.security || []).some((one) => 'accessToken' in one) ? { Authorization: `Bearer ${token}` } : {};
    const query = new URLSearchParams();
    let url = path;
    for (const input of fields.querySelectorAll('input')) {
      const [place, name] = [input.name.slice(0, input.name.indexOf(':')), input.name.slice(input.name.indexOf(':') + 1)];
      if (place === 'path') url = url.replace(`{${name}}`, encodeURIComponent(input.value));
      else if (place === 'header') headers[name] = input.value;
      else if (input.value) query.set(name, input.value);
    }
    if (body) headers['Content-Type'] = 'application/json';
    output.hidden = false;
    output.textContent = 'Waiting for the answer…';
    try {
      const target = query.size ? `${url}?${query}` : url;
      const answer = await fetch(target, { method: method.toUpperCase(), headers, body: body ? body.value : undefined, signal });
      if ((answer.headers.get('content-type') || '').startsWith('text/event-stream')) await showStream(answer, output, signal);
      else output.textContent = await shown(answer);
    } catch (error) {
      if (!signal.aborted) output.textContent = `No answer: ${error.message}`;
    }
  });

  return element('details', {},
    element('summary', {}, element('span', { class: 'method' }, method.toUpperCase()), element('code', {}, path),
      element('span', {}, operation.summary || '')),
    form);
}

async function signIn(submitted) {
  submitted.preventDefault();
  const form = submitted.target;
  const who = document.getElementById('who');
  const answer = await fetch('/api/auth/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ email: form.email.value, password: form.password.value, token_transport: 'body' }),
  });
  const result = await answer.json();
  token = answer.ok ? result.access_token : '';
  form.password.value = '';
  who.textContent = answer.ok ? `Signed in as ${result.user.name} (${result.user.roles.join(', ')})` : result.detail;
}

async function start() {
  document.getElementById('sign-in').addEventListener('submit', signIn);
  const description = await (await fetch('/api/openapi.json')).json();
  const operations = document.getElementById('operations');
  operations.textContent = '';
  for (const { name } of description.tags) {
    operations.append(element('h2', {}, name));
    for (const [path, methods] of Object.entries(description.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        if (operation.tags.includes(name)) {
          operations.append(operationView(method, path, operation, description.components.schemas));
        }
      }
    }
  }
}

start();
