import { KysoError } from './base/errors.ts';
import { usage } from './cli/usage.ts';

/**
 * `kyso COMMAND …`. Each command is loaded by itself, so that the api process never loads what speaks to a token.
 * Exit codes: 0 done · 1 failed · 2 wrong usage · 78 a restart would not help.
 */
async function run(command: string, args: string[]): Promise<number | undefined> {
  switch (command) {
    case 'api':
    case 'signer':
    case 'ca':
    case 'notify':
    case 'catcher': {
      const step = args[0] && !args[0].startsWith('-') ? args[0] : undefined;
      if (command === 'signer' && step === 'attest-phone')
        return (await import('./cli/attest-phone.ts')).attestPhone(args.slice(1));
      if (command === 'signer' && (step === 'init' || step === 'restore')) {
        const ceremony = {
          ...(await import('./processes/signer-ceremony.ts')),
          ...(await import('./processes/custody.ts')),
        };
        return (await import('./cli/signer-ceremony.ts')).signerCeremony(step, args.slice(1), ceremony);
      }
      if (command === 'signer' && step === 'backup')
        return (await import('./cli/installation-backup.ts')).installationBackup('signer', args.slice(1));
      if (command === 'signer' && step === 'restored')
        return (await import('./cli/signer-restored.ts')).signerRestored(
          args.slice(1),
          (await import('./processes/restored.ts')).declareRestored,
        );
      if (command === 'signer' && step === 'check')
        return (await import('./cli/signer-check.ts')).signerCheck(args.slice(1));
      if (command === 'signer' && (step === 'rotate' || step === 'rotation'))
        return (await import('./cli/signer-keys.ts')).signerKeys(step, args.slice(1));
      if (command === 'ca' && step)
        return (await import('./cli/ca.ts')).ca(step, args.slice(1), async () => ({
          ...(await import('./processes/ca-ceremony.ts')),
          ...(await import('./processes/ca-restore.ts')),
          ...(await import('./processes/custody.ts')),
        }));
      if (step)
        return (await import('./cli/init.ts')).init(command, step, args.slice(1), await import('./processes/init.ts'));
      return (await import('./processes/run.ts')).run(command, args);
    }
    case 'serve':
      return (await import('./cli/serve.ts')).serve(args, (await import('./processes/supervisor.ts')).supervise);
    case 'sign':
      return (await import('./cli/sign.ts')).sign(args);
    case 'subscriber':
      return (await import('./cli/subscriber.ts')).subscriber(args);
    case 'evidence':
      return (await import('./cli/evidence.ts')).evidence(args);
    case 'client':
      return (await import('./cli/client.ts')).client(args);
    case 'hsm':
      return (await import('./cli/hsm.ts')).hsm(args, (await import('./processes/tokens.ts')).probeToken);
    case 'sandbox':
      return (await import('./cli/init.ts')).sandbox(args, (await import('./processes/init.ts')).initSandbox);
    case 'demo': {
      const { initSandbox } = await import('./processes/init.ts');
      const { supervise } = await import('./processes/supervisor.ts');
      return (await import('./cli/demo.ts')).demo(args, { initSandbox, supervise });
    }
    case 'help':
    case '--help':
    case '-h':
      process.stdout.write(usage);
      return 0;
    default:
      process.stderr.write(`kyso: there is no command ${command}\n\n${usage}`);
      return 2;
  }
}

const [command = 'help', ...args] = process.argv.slice(2);
try {
  const code = await run(command, args);
  if (code !== undefined) process.exit(code);
} catch (error) {
  const wrongUsage = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  if (!(error instanceof KysoError) && !wrongUsage) throw error;
  process.stderr.write(`kyso ${command}: ${error.message}\n`);
  process.exit(wrongUsage ? 2 : 1);
}
