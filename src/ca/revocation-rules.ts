/** Who asks, the higher ones last. */
export const levels = ['subscriber', 'organisation', 'officer', 'operator'] as const;
export type Level = (typeof levels)[number];

export const acts = ['hold', 'release', 'revoke'] as const;
export type Act = (typeof acts)[number];

/** What a certificate's status is; `revoked` is for ever. */
export type Revocation = 'none' | 'hold' | 'revoked';

/** Where each act leads from where; what is not here is refused (S73, S78). */
export const transitions: Record<Act, Partial<Record<Revocation, Revocation>>> = {
  hold: { none: 'hold', hold: 'hold' },
  release: { hold: 'none', none: 'none' },
  revoke: { none: 'revoked', hold: 'revoked', revoked: 'revoked' },
};

const rank = (level: string | null) => (level === 'external' ? levels.length : levels.indexOf(level as Level));

/**
 * Whether an act changes anything on a certificate that stands so: `go`, `done` when it already is as asked, or why not.
 * A hold is lifted only by who set it or somebody higher, so a higher one's hold on a held certificate does change it.
 */
export function judge(act: Act, level: Level, now: { revocation: string; revokedBy: string | null }): Verdict {
  const to = transitions[act][now.revocation as Revocation];
  if (to === undefined) return 'transition';
  if (act === 'release' && now.revocation === 'hold' && rank(level) < rank(now.revokedBy)) return 'level';
  const raised = act === 'hold' && rank(level) > rank(now.revokedBy);
  return to !== now.revocation || raised ? 'go' : 'done';
}

export type Verdict = 'go' | 'done' | 'transition' | 'level';
