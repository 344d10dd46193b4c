/** True only when both types are the same, in both directions. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

type RowsOf<Schema> = {
  [Name in keyof Schema as Schema[Name] extends { $inferSelect: unknown } ? Name : never]: Schema[Name] extends {
    $inferSelect: infer Row;
  }
    ? Row
    : never;
};

/**
 * Compiles only when both engines' schema files have the same tables with the same columns and types (design §7):
 * `sameRows<typeof postgresql, typeof sqlite>(true)`. A difference makes the argument's type `false`.
 */
export function sameRows<A, B>(_proof: Same<RowsOf<A>, RowsOf<B>>): void {}
