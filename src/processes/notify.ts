import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { systemClock } from '../base/clock.ts';
import { pathsOf, waysOut } from '../config.ts';
import { notifyContract } from '../ipc/notify-contract.ts';
import { serveIpc } from '../ipc/server.ts';
import { startDelivery } from '../notify/delivery.ts';
import { createOutbox } from '../notify/outbox.ts';
import { smsCarrier } from '../notify/sms-gateway.ts';
import { smtpCarrier } from '../notify/smtp.ts';
import { notifyDomain } from '../store/notify/tables.ts';
import { type Boot, keysFor, requireSecret } from './boot.ts';
import { log } from './log.ts';
import { openDomain } from './stores.ts';

/** The only way out to mail servers and SMS gateways. Only signer can post; api has no link here. */
export async function startNotifyProcess(boot: Boot) {
  const { config, secrets } = boot;
  // What this machine trusts counts too: mail servers of institutions often have certificates of a house CA.
  setDefaultCACertificates([...getCACertificates('default'), ...getCACertificates('system')]);
  const ways = waysOut(config);
  const text = (secret: Uint8Array | undefined) => secret && Buffer.from(secret).toString().trim();
  const carriers = {
    ...(ways && { email: smtpCarrier(ways.smtp, text(secrets['smtp-password'])) }),
    ...(ways?.sms && { sms: smsCarrier(ways.sms, text(secrets['sms-token'])) }),
  };
  const store = await openDomain(config, notifyDomain);
  const outbox = createOutbox({ store, secret: requireSecret(boot, 'outbox-key'), clock: systemClock });
  const delivery = startDelivery({ outbox, carriers, onTrouble: (what) => log('message', { ...what }) });
  const server = await serveIpc({
    path: pathsOf(config).socket('notify'),
    contract: notifyContract,
    handlers: {
      async 'messages.post'({ messages }) {
        await outbox.post(messages);
        delivery.wake();
        return {};
      },
      status: async () => ({ ready: true, ...(await delivery.status()) }),
    },
    keys: keysFor('notify', boot),
    onError: (error, method) => log('call failed', { process: 'notify', method, error }),
  });
  return {
    async stop() {
      await server.close();
      await delivery.stop();
      await store.close();
    },
  };
}
