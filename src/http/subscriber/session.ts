import { sourceOf } from '../throttle.ts';
import { closed, fields, route } from './route.ts';

/** A token for the own account, which opens nothing of CSC. Refused with loginInvalid, whatever is wrong (S44). */
export const login = route({
  method: 'POST',
  url: '/login',
  authentication: 'password',
  input: closed({ userID: fields.userID, password: fields.password }),
  async handle({ logins, tokens }, { userID, password }, { ip }) {
    const grant = await logins.login({ userID, password, source: sourceOf(ip), scope: 'subscriber' });
    const { token, expiresIn } = await tokens.issue(grant);
    return { access_token: token, expires_in: expiresIn };
  },
});

/** Ends the login that this token belongs to. */
export const logout = route({
  method: 'POST',
  url: '/logout',
  authentication: 'bearer',
  input: closed({}),
  async handle({ tokens }, _input, { user }) {
    await tokens.revokeGrant(user.grant, user);
    return undefined;
  },
});

/**
 * A new login password in place of the old one; it ends all logins of the person, this one too. Refused with loginInvalid
 * — the old one is wrong, or there were too many tries; passwordRefused.
 */
export const password = route({
  method: 'POST',
  url: '/password',
  authentication: 'bearer',
  input: closed({ oldPassword: fields.password, newPassword: fields.password }),
  async handle({ logins, signer }, { oldPassword, newPassword }, { user: { subscriber }, ip, id: request }) {
    const tell = () => signer.call('account.passwordChange', { subscriber, request });
    await logins.changePassword({ subscriber, oldPassword, newPassword, source: sourceOf(ip), tell });
    return undefined;
  },
});
