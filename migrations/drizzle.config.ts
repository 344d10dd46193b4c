import { defineConfig } from 'drizzle-kit';

// One folder per store and engine: DOMAIN=signer|ca|api|notify ENGINE=sqlite|postgresql (scripts/migrations runs them all).
const { DOMAIN: domain, ENGINE: engine } = process.env;

export default defineConfig({
  dialect: engine === 'postgresql' ? 'postgresql' : 'sqlite',
  schema: `./src/store/${domain}/schema-${engine}.ts`,
  out: `./migrations/${domain}/${engine}`,
});
