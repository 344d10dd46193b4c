export const usage = `Kyso, a remote signing server / máy chủ ký số từ xa

  kyso demo [FILE.pdf] [--once] [--port N] [--dir DIR]
      makes a sandbox, signs a PDF through the HTTP API, verifies it, and serves until Ctrl-C
  kyso serve [--dir DIR] [--port N]
      starts api, signer and ca, each under a user of its own when started as root
  kyso sandbox init [--dir DIR] [--port N] [--postgresql URL]
      makes the configuration and both tokens of a sandbox; one person plays all roles
  kyso signer init|enrol [--dir DIR]     kyso ca init [--dir DIR]
      the steps of which sandbox init consists, for a kyso.json of your own:
      signer init, then ca init, then signer enrol
  kyso api|signer|ca --dir DIR
      one process alone; its keys come from CREDENTIALS_DIRECTORY (docs/architecture.md)
`;
