import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** All files below these directories. */
export function filesBelow(...directories: string[]): string[] {
  return directories.flatMap((directory) =>
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  );
}

/**
 * Which secrets stand in which places, as `name in place`. A secret of digits counts only where no other letter or
 * digit touches it, since six digits stand by chance in any hexadecimal text.
 */
export function findSecrets(places: Record<string, string>, secrets: Record<string, string>): string[] {
  return Object.entries(places).flatMap(([place, content]) =>
    Object.entries(secrets)
      .filter(([, secret]) => stands(content, secret))
      .map(([name]) => `${name} in ${place}`),
  );
}

function stands(content: string, secret: string): boolean {
  if (!/^\d+$/.test(secret)) return content.includes(secret);
  return new RegExp(`(?<![0-9A-Za-z.])${secret}(?![0-9A-Za-z.])`).test(content);
}

/** The files as places, read as bytes. */
export function contentsOf(files: string[]): Record<string, string> {
  return Object.fromEntries(files.map((file) => [file, readFileSync(file, 'latin1')]));
}
