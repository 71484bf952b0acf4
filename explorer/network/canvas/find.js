// What the find box lists: an exact id, then ids that start so, then labels that do, then whatever holds the text.

const MOST_HITS = 9;

const rank = (entry, wanted) => {
  const [id, label] = [entry.id.toLowerCase(), (entry.label ?? "").toLowerCase()];
  if (id === wanted) return 0;
  if (id.startsWith(wanted)) return 1;
  if (label.startsWith(wanted)) return 2;
  return `${id} ${label}`.includes(wanted) ? 3 : -1;
};

/** Entries `{id, label}` that fit the text, the best first; equal ones keep their order. */
export function matches(index, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  return index
    .map((entry) => ({ entry, at: rank(entry, wanted) }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => a.at - b.at)
    .slice(0, MOST_HITS)
    .map(({ entry }) => entry);
}
