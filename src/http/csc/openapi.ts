import { type Answer, answers, malformed } from './errors.ts';
import type { CscMethod } from './method.ts';

/**
 * The OpenAPI 3.1 document of the CSC v1 API, made from the list of methods that also makes the routes.
 * `openapi/csc-v1.json` is this, with the server of the examples; a test proves it fresh.
 */
export function cscDocument(methods: readonly CscMethod[], server: string): object {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Kyso: Cloud Signature Consortium API v1.0.4.0',
      version: '1.0.4',
      description:
        'Remote signing. Error texts are those of the specification. Members that a method does not know are ignored; null is the same as absent.',
    },
    servers: [{ url: `${server}/csc/v1` }],
    tags: tagsOf(methods),
    paths: Object.fromEntries(methods.map((method) => [`/${method.name}`, { post: operationOf(method) }])),
    components: {
      securitySchemes: {
        password: { type: 'http', scheme: 'basic', description: 'User ID and password, UTF-8' },
        accessToken: { type: 'http', scheme: 'bearer', description: 'An access token of auth/login' },
      },
      schemas: { Error: errorSchema },
    },
  };
}

const errorSchema = {
  type: 'object',
  required: ['error', 'error_description'],
  properties: { error: { type: 'string' }, error_description: { type: 'string' } },
};

const tagDescriptions: Record<string, string> = {
  service: 'What the service is',
  auth: 'Access to the service',
  credentials: 'Signing keys and the authorization to use them',
  signatures: 'Signatures',
};

const tagOf = ({ name }: CscMethod) => (name.includes('/') ? name.slice(0, name.indexOf('/')) : 'service');

function tagsOf(methods: readonly CscMethod[]): object[] {
  const names = new Set(methods.map(tagOf));
  return [...names].map((name) => ({ name, description: tagDescriptions[name] ?? name }));
}

function operationOf(method: CscMethod): object {
  const { name, docs, authentication, body } = method;
  const { request, answer } = docs.example;
  return {
    operationId: name.replace(/\/(.)/, (_, letter: string) => letter.toUpperCase()),
    tags: [tagOf(method)],
    summary: docs.summary,
    security: securityOf(authentication),
    ...(docs.headers && { parameters: docs.headers.map((header) => ({ in: 'header', ...plain(header) })) }),
    requestBody: {
      required: true,
      content: { 'application/json': { schema: plain(body), examples: { usual: { value: request } } } },
    },
    responses: {
      ...(docs.answer
        ? { 200: jsonAnswer('Done', plain(docs.answer), { usual: { value: answer } }) }
        : { 204: { description: 'Done' } }),
      ...errorResponses(method),
    },
  };
}

function securityOf(authentication: CscMethod['authentication']): object[] {
  if (authentication === 'bearer') return [{ accessToken: [] }];
  return authentication === 'basic' ? [{ password: [] }, {}] : [];
}

/** What any method may answer. */
const common: Answer[] = [
  { ...malformed, status: 413 },
  { ...malformed, status: 415 },
  answers.unavailable,
  answers.internal,
];

/** The rows of the method's table by status, with those of its header and those that any method may answer. */
function errorResponses({ authentication, errors, malformedHeader }: CscMethod): Record<string, object> {
  const tokens = [malformedHeader, answers.accessTokenExpired, answers.accessTokenInvalid];
  const byStatus = new Map<number, Map<string, Answer>>();
  for (const answer of [...(authentication === 'bearer' ? tokens : []), malformed, ...errors, ...common]) {
    const rows = byStatus.get(answer.status) ?? new Map<string, Answer>();
    byStatus.set(answer.status, rows.set(answer.text, answer));
  }
  const schema = { $ref: '#/components/schemas/Error' };
  const sorted = [...byStatus].sort(([a], [b]) => a - b);
  return Object.fromEntries(sorted.map(([status, rows]) => [status, jsonAnswer('Refused', schema, examplesOf(rows))]));
}

function examplesOf(rows: Map<string, Answer>): Record<string, object> {
  const entries = [...rows.values()].map(({ error, text }, index) => {
    return [`row${index + 1}`, { summary: text, value: { error, error_description: text } }] as const;
  });
  return Object.fromEntries(entries);
}

function jsonAnswer(description: string, schema: object, examples: object): object {
  return { description, content: { 'application/json': { schema, examples } } };
}

/** What holds TypeBox schemas as JSON; its own format for digests is named in words, since nobody else knows it. */
function plain(schema: object): object {
  return JSON.parse(JSON.stringify(schema), (key, value) =>
    key === 'format' && value === 'digest' ? undefined : value,
  );
}
