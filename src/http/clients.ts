import { KysoError } from '../base/errors.ts';
import type { ApiContract, ClientRecord, ClientSwitches } from '../ipc/api-contract.ts';
import type { Handlers } from '../ipc/contract.ts';
import { changeClient, findClient, listClients } from '../store/api/clients.ts';
import type { ApiStore, Client } from '../store/api/tables.ts';

/** The switches of a client; those that its row does not name are off, and names of another version mean nothing. */
export function switchesOf({ switches }: Pick<Client, 'switches'>): ClientSwitches {
  const stored: Partial<ClientSwitches> = JSON.parse(switches);
  const { numSignaturesAsText = false, openSlots = false, sendOtpBody = false, pssDefaults = false } = stored;
  return { numSignaturesAsText, openSlots, sendOtpBody, pssDefaults };
}

const recordOf = (client: Client): ClientRecord => ({
  clientID: client.id,
  name: client.name,
  suspended: client.suspended,
  switches: switchesOf(client),
});

/** What an operator asks api about its applications. A change counts from the next request on. */
export function clientHandlers(store: ApiStore): Handlers<ApiContract> {
  return {
    'client.list': async () => ({ clients: (await listClients(store.read)).map(recordOf) }),
    'client.set': ({ clientID, suspended, switches }) =>
      store.write(async (tx) => {
        const known = await findClient(tx, clientID);
        if (!known) throw new KysoError('requestInvalid', `there is no client ${clientID}: see kyso client list`);
        const changed = await changeClient(tx, clientID, {
          suspended: suspended ?? known.suspended,
          switches: JSON.stringify({ ...switchesOf(known), ...switches }),
        });
        return recordOf(changed ?? known);
      }),
  };
}
