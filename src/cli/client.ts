import { parseArgs } from 'node:util';
import { KysoError } from '../base/errors.ts';
import { readConfig } from '../config.ts';
import type { ClientRecord, ClientSwitches } from '../ipc/api-contract.ts';
import { operatorPeer } from './operator.ts';
import { defaultDirectory } from './options.ts';

/** Each switch: its option, and what it allows. */
const switches: Record<keyof ClientSwitches, { option: string; allows: string }> = {
  numSignaturesAsText: {
    option: 'num-signatures-as-text',
    allows: 'numSignatures may be sent as text ("1") instead of a number',
  },
  openSlots: {
    option: 'open-slots',
    allows: 'authorize may name fewer hashes than signatures; extendTransaction names the rest',
  },
  sendOtpBody: {
    option: 'send-otp-body',
    allows: 'sendOTP answers 200 with {} instead of 204, for clients that take only 200',
  },
  pssDefaults: {
    option: 'pss-defaults',
    allows: 'RSASSA-PSS without signAlgoParams: the hash of hashAlgo, MGF1 with it, a salt of its length',
  },
};

const usage = `kyso client list
kyso client set ID [--SWITCH on|off …]
kyso client suspend ID    kyso client resume ID      (all with [--dir DIR])

What a client may do because it cannot do otherwise; all off at first:
${Object.values(switches)
  .map(({ option, allows }) => `  --${option.padEnd(24)}${allows}`)
  .join('\n')}
The client "direct" stands for all logins by password.
`;

/** `kyso client list|set|suspend|resume`: applications, as the operator sees them. A change acts on the next request. */
export async function client(args: string[]): Promise<number> {
  const options = {
    dir: { type: 'string' },
    help: { type: 'boolean' },
    ...Object.fromEntries(Object.values(switches).map(({ option }) => [option, { type: 'string' } as const])),
  } as const;
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [step = '', clientID] = positionals;
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const switched = switchesFrom(values as Record<string, string | undefined>);
  const changes = changesOf(step, switched);
  const superfluous = step !== 'set' && Object.keys(switched).length > 0;
  if (!changes || superfluous || positionals.length !== (step === 'list' ? 1 : 2)) {
    throw new KysoError('configuration', `usage:\n${usage}`);
  }

  const api = await operatorPeer(readConfig(values.dir ?? defaultDirectory), 'api');
  try {
    const { clients } =
      clientID === undefined
        ? await api.call('client.list', {})
        : { clients: [await api.call('client.set', { clientID, ...changes })] };
    for (const one of clients) process.stdout.write(describe(one));
    return 0;
  } finally {
    api.close();
  }
}

function changesOf(step: string, switched: Partial<ClientSwitches>) {
  switch (step) {
    case 'list':
      return {};
    case 'suspend':
      return { suspended: true };
    case 'resume':
      return { suspended: false };
    case 'set':
      return { switches: switched };
    default:
      return undefined;
  }
}

function switchesFrom(values: Record<string, string | undefined>): Partial<ClientSwitches> {
  const given = Object.entries(switches).filter(([, { option }]) => values[option] !== undefined);
  return Object.fromEntries(
    given.map(([name, { option }]) => {
      const value = values[option];
      if (value !== 'on' && value !== 'off') throw new KysoError('configuration', `--${option} is on or off`);
      return [name, value === 'on'];
    }),
  );
}

function describe({ clientID, name, suspended, switches: on }: ClientRecord): string {
  const lines = Object.entries(switches).map(
    ([key, { option }]) => `  ${option.padEnd(24)}${on[key as keyof ClientSwitches] ? 'on' : 'off'}`,
  );
  return `${clientID}  (${name})${suspended ? '  SUSPENDED' : ''}\n${lines.join('\n')}\n`;
}
