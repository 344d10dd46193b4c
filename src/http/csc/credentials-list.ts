import Type from 'typebox';
import { KysoError } from '../../base/errors.ts';
import { answers, invalidRequest } from './errors.ts';
import { clientData } from './fields.ts';
import { defineMethod, invalid } from './method.ts';

/** Our own maximum for `maxResults`. */
const mostResults = 100;

/** CSC v1 §11.4 `credentials/list`: the caller's own credentials, oldest first; the token says whose. */
export const credentialsList = defineMethod({
  name: 'credentials/list',
  docs: {
    summary: 'The credentials of the user who logged in, page by page',
    answer: Type.Object({
      credentialIDs: Type.Array(Type.String()),
      nextPageToken: Type.Optional(Type.String()),
    }),
    example: {
      request: { maxResults: 10 },
      answer: { credentialIDs: ['1xRzSk5GZ7vD0mJp3w9QaA', 'c9dPpM2rTqY6uWbN4e8LZg'] },
    },
  },
  authentication: 'bearer',
  body: Type.Object({
    userID: Type.Optional(Type.Unknown({ description: 'Must not be there: the token says whose credentials' })),
    // Of any type: an invalid value means our own maximum and is never an error.
    maxResults: Type.Optional(Type.Unknown({ description: `1 to ${mostResults}; anything else means ${mostResults}` })),
    pageToken: Type.Optional(Type.String({ maxLength: 256, description: 'nextPageToken of the page before' })),
    clientData,
  }),
  rows: [
    invalid('pageToken'),
    {
      fails: ({ pageToken }, { user }, { pages }) =>
        pageToken !== undefined && pages.read(user.subscriber, pageToken) === undefined,
      answer: answers.pageTokenInvalid,
    },
    { fails: ({ userID }) => typeof userID === 'string', answer: invalidRequest('userID parameter MUST be null') },
    { fails: ({ userID }) => userID !== undefined, answer: invalidRequest('Invalid parameter userID') },
    invalid('clientData'),
  ],
  async handle({ signer, pages }, { maxResults, pageToken }, { user: { subscriber } }) {
    const after = pageToken === undefined ? undefined : pages.read(subscriber, pageToken);
    const page = { subscriber, limit: resultsOf(maxResults), ...(after !== undefined && { after }) };
    const { credentialIDs, more } = await signer.call('credentials.list', page);
    const last = credentialIDs.at(-1);
    if (more && last === undefined) throw new KysoError('internal', 'a page of nothing with more behind it');
    return { credentialIDs, ...(more && last !== undefined && { nextPageToken: pages.issue(subscriber, last) }) };
  },
});

function resultsOf(wish: unknown): number {
  const usable = typeof wish === 'number' && Number.isInteger(wish) && wish >= 1;
  return usable ? Math.min(wish, mostResults) : mostResults;
}
