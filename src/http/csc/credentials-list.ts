import Type from 'typebox';
import { invalidRequest } from './errors.ts';
import { defineMethod, invalid } from './method.ts';

/** Our own maximum for `maxResults`; ca issues no more than 99 credentials to one person. */
const mostResults = 100;

/** CSC v1 §11.4 `credentials/list`: the caller's own credentials; the token says whose. */
export const credentialsList = defineMethod({
  name: 'credentials/list',
  authentication: 'bearer',
  body: Type.Object({
    userID: Type.Optional(Type.Unknown()),
    // Of any type: an invalid value means our own maximum and is never an error.
    maxResults: Type.Optional(Type.Unknown()),
    pageToken: Type.Optional(Type.String()),
    clientData: Type.Optional(Type.String()),
  }),
  rows: [
    invalid('pageToken'),
    // Every list is one page, so no page token is one of ours.
    { fails: (body) => body.pageToken !== undefined, answer: invalidRequest('Invalid parameter pageToken') },
    { fails: (body) => body.userID !== undefined, answer: invalidRequest('userID parameter MUST be null') },
    invalid('clientData'),
  ],
  async handle({ signer }, { maxResults }, { user }) {
    const { credentialIDs } = await signer.call('credentials.list', {
      subscriber: user.subscriber,
      limit: mostResults,
    });
    return { credentialIDs: credentialIDs.slice(0, resultsOf(maxResults)) };
  },
});

function resultsOf(wish: unknown): number {
  const usable = typeof wish === 'number' && Number.isInteger(wish) && wish >= 1;
  return usable ? Math.min(wish, mostResults) : mostResults;
}
