import t from 'tap';
import { digestOf, replay } from './replay.ts';
import { basicOf, fits, startService } from './service.ts';

/*
 * Hospital software in Vietnam that signs with Viettel's cloud CA (C#, Newtonsoft.Json; ADSS speaks CSC v1 below its own
 * login). It knows a person by `userID`, shows `documents` on the phone, sends no factors and waits for a tap: with Kyso
 * the login is `auth/login`, the list has no userID, and authorize has PIN and OTP. The rest may stay as it is. (Mobile-ID's
 * `/rssp/v1` has CSC's paths but its own members and integer errors, and needs an adapter.)
 */

t.test('hospital software made for Viettel', async (t) => {
  const service = await startService(t);
  const account = await service.account({ keyType: 'RSA-2048' });
  const { credentialID } = account;
  const post = (method: string, authorization: string, body: object) =>
    replay(
      `${service.csc}/${method}`,
      [
        ['Authorization', authorization],
        ['Content-Type', 'application/json; charset=utf-8'],
        ['Host', '{host}'],
        ['Content-Length', '{length}'],
        ['Expect', '100-continue'],
      ],
      JSON.stringify(body),
    );
  const bearer = `Bearer ${(await post('auth/login', basicOf(account), {})).json().access_token}`;

  await t.test('list, with and without the person', async (t) => {
    const named = await post('credentials/list', bearer, { userID: account.userID });
    t.match(named.json(), { error: 'invalid_request', error_description: 'userID parameter MUST be null' });
    t.same((await post('credentials/list', bearer, {})).json().credentialIDs, [credentialID]);
  });

  await t.test('info: the certificate members that it keeps for each credential', async (t) => {
    const body = { credentialID, certificates: 'chain', certInfo: true, authInfo: true };
    const { cert, error } = (await post('credentials/info', bearer, body)).json();
    t.equal(error, undefined, 'it looks for error in every answer');
    t.match(cert, { status: 'valid', certificates: Array, subjectDN: /./, serialNumber: /^[0-9A-F]+$/, issuerDN: /./ });
    t.match(cert.subjectDN, /Nguyễn Thị Ánh/, 'with its diacritics');
  });

  const documents = ['phiếu khám', 'đơn thuốc'];
  const hash = documents.map((text) => digestOf(text));
  const shown = documents.map((_, n) => ({ document_id: n, document_name: 'Đơn thuốc' }));
  const authorizing = { description: 'Ký đơn thuốc', credentialID, numSignatures: 2, documents: shown, hash };

  await t.test('authorize: documents are ignored, the factors are not', async (t) => {
    const implicit = await post('credentials/authorize', bearer, authorizing);
    t.match(implicit.json(), { error: 'invalid_otp', error_description: 'The OTP is invalid' });
    const factors = { PIN: account.pin, OTP: await account.nextCode() };
    const { SAD } = (await post('credentials/authorize', bearer, { ...authorizing, ...factors })).json();
    const extension = await post('credentials/registerExtension', bearer, {
      credential_id: credentialID,
      duration: 60,
      SAD,
    });
    t.equal(extension.status, 501, "Viettel's own method is none of ours");
    const signing = { credentialID, SAD, documents: shown, hash, hashAlgo: '2.16.840.1.101.3.4.2.1' };
    const signed = await post('signatures/signHash', bearer, { ...signing, signAlgo: '1.2.840.113549.1.1.1' });
    const { signatures } = signed.json();
    t.equal(signatures.length, 2);
    for (const [n, text] of documents.entries()) t.ok(fits(account.chain[0] ?? '', text, signatures[n]), text);
  });

  await t.test('more signatures than hashes, as one of its demos asks for: only with openSlots', async (t) => {
    const factors = async () => ({ PIN: account.pin, OTP: await account.nextCode() });
    const more = { ...authorizing, numSignatures: 12 };
    const refused = await post('credentials/authorize', bearer, { ...more, ...(await factors()) });
    t.equal(refused.json().error_description, 'Invalid value for parameter numSignatures');
    await service.set({ openSlots: true });
    t.teardown(() => service.set({ openSlots: false }));
    t.match((await post('credentials/authorize', bearer, { ...more, ...(await factors()) })).json(), { SAD: String });
  });

  await t.test('SHA-1, which older code still makes, is refused', async (t) => {
    const old = [digestOf('phiếu khám', 'sha1')];
    const factors = { PIN: account.pin, OTP: await account.nextCode() };
    const answer = await post('credentials/authorize', bearer, {
      ...{ ...authorizing, ...factors, numSignatures: 1, hash: old },
    });
    t.equal(answer.json().error_description, 'Invalid digest value length');
  });
});
