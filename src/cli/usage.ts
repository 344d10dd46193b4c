export const usage = `Kyso, a remote signing server / máy chủ ký số từ xa

  kyso demo [FILE.pdf] [--once] [--port N] [--dir DIR]
      makes a sandbox, signs a PDF through the HTTP API, verifies it, and serves until Ctrl-C
  kyso sign FILE.pdf -o OUT.pdf [--visible] [--reason TEXT] …
      signs PDFs through any CSC v1 service; kyso sign --help
  kyso subscriber activate|status|pin|password|freeze|unfreeze|history|totp
      a holder's own account, over HTTPS; kyso subscriber --help
  kyso serve [--dir DIR] [--port N]
      starts api, signer, ca and notify (and the catcher of a sandbox that names no mail server),
      each under a user of its own when started as root
  kyso sandbox init [--dir DIR] [--port N] [--postgresql URL]
      makes the configuration and both tokens of a sandbox; one person plays all roles
  kyso sandbox get NAME [--dir DIR]      kyso sandbox code [other] [--dir DIR]
      for scripts: a value of sandbox.json (csc.v1, credentials.0.credentialID, …);
      the one-time code that the subscriber's authenticator app shows now
  kyso sandbox mail [--dir DIR]
      all e-mails and SMS to the sandbox's people
  kyso client list|set|suspend|resume [--dir DIR]
      applications, and what each may do beyond CSC's letter; kyso client --help
  kyso signer attest-phone USERID --by WHO [--dir DIR]
      somebody who knows the subscriber says that a new phone is theirs
  kyso signer rotate kek|pepper [--dir DIR]      kyso signer rotation [--retire LABEL] [--dir DIR]
      new versions of the keys in the signer's token, and what is left under the old ones
  kyso signer backup --to DIR [--dir DIR]        kyso signer restore --share FILE … [--dir DIR]
      copies of the stores with the sealed keys; the keys of a backup in a fresh token, by its custodians
  kyso signer check [--dir DIR]
      walks through all rows of the signer's store that carry a MAC, and names those that somebody else wrote
  kyso ca external requests|import|trust [--dir DIR]
      certificates of an outside authority; kyso ca external --help
  kyso evidence REQUEST-ID [--at TIME] [--out NEW-DIR] [--dir DIR]
      what a signature relied on: certificate, signed word of ca and log entries, to be verified with openssl
  kyso signer restored [--dir DIR]
      a store that was set back counts from now on: what a signer that refuses to start asks for
  kyso ca rollover root|issuing-rsa|issuing-ec|ocsp-rsa|ocsp-ec|tsa [--dir DIR]
      the next authority of a kind, in a running ca; kyso ca rollover --help
  kyso ca backup --to DIR [--dir DIR]            kyso ca restore --share FILE … [--dir DIR]
      the same copies as kyso signer backup; the keys of ca in a fresh token, by its custodians
  kyso signer init|enrol [--dir DIR]     kyso ca init [--organisation TEXT --name TEXT] [--dir DIR]
      the steps of which sandbox init consists, for a kyso.json of your own:
      signer init, then ca init, then signer enrol
  kyso ca revoke|hold|release SERIAL|CREDENTIALID …   kyso ca certificates|crls [--dir DIR]
      the status of certificates, and what is published of it; kyso ca revoke --help
  kyso ca organisation|officer|order … [--dir DIR]
      whose lists are certified, who approves them, and a list by hand; each with --help
  kyso ca check [--json] [--dir DIR]
      judges every certificate and CRL anew, by openssl and by Kyso's own rules; names what has drifted
  kyso hsm probe [signer|ca] [--dir DIR] [--json]
      what a PKCS#11 token can do, what it enforces, which credentials it can carry; kyso hsm --help
  kyso api|signer|ca|notify --dir DIR
      one process alone; its keys come from CREDENTIALS_DIRECTORY (docs/operations.md)

  DIR is KYSO_DIR when --dir is not given, or else var/demo in the checkout.
`;
