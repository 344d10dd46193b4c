/** The keys of the token that have versions; a label is also the version's id, in rows and in what is sealed. */
export type Versioned = 'kek' | 'pepper';

/**
 * What the settings say of one of them. `live`: what rows may name; `current`: what new rows name; `next`: the number
 * that nobody has taken yet; `retired`: named by no row any more, and destroyed in the token some time after `at`.
 */
export type KeyVersions = {
  current: string;
  live: string[];
  next: number;
  retired: { label: string; at: number }[];
};
