declare const canonical: unique symbol;

/** A government id in its one canonical text: 1 to 20 digits without leading zeros. Two texts of one id would be two accounts. */
export type DeptransId = string & { readonly [canonical]: true };

/** Reads an id as people write it, leading zeros and all. Null if it is not one. */
export function parseDeptransId(text: string): DeptransId | null {
  if (!/^[0-9]{1,20}$/.test(text)) return null;
  return text.replace(/^0+(?=.)/, '') as DeptransId;
}

/** `recheck`: the licence changed since the check. `rejected`: the regulator took the id back. */
export type BindingState = 'unbound' | 'bound' | 'recheck' | 'rejected';

/** What is known of a person's id. */
export type Binding = {
  /** Null: unbound. */
  deptransId: DeptransId | null;
  state: BindingState;
  updatedAt: Date;
};

/** How much of an id is shown to its driver: all, its end, or only that there is one. */
export type IdDisplay = 'full' | 'masked' | 'fact';

export function displayId(id: DeptransId, display: IdDisplay): string {
  switch (display) {
    case 'full':
      return id;
    case 'masked':
      // Of a short id the end would be most of it.
      return `***${id.length > 5 ? id.slice(-2) : ''}`;
    case 'fact':
      return '';
    default:
      return display satisfies never;
  }
}
