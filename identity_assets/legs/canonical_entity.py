"""The leg S1: Backend's own `canonical_entity_id` says which Discogs release or master a library row is.

"The two legs" in docs/rules.md. Nothing is written here.
"""

import re
from collections.abc import Iterable, Sequence

from identity_assets.evidence import LARGEST_ID, MASTER, RELEASE, Evidence, Gathered, LibraryRow

LEG = "S1"
SCHEME = "discogs:"
_ENTITY = re.compile(r"discogs:(?:(release|master):)?([0-9]+)")


def parse_entity(canonical_entity_id: str) -> tuple[str, int] | str:
    """Return the source and the id that the value names, or one word that says why it names none.

    `discogs:5` and `discogs:release:5` are a release, `discogs:master:5` is a master. The words are
    `other_scheme`, `malformed_id` and `id_out_of_range`: a column of the main row holds 1 to 2,147,483,647.
    """
    if not canonical_entity_id.startswith(SCHEME):
        return "other_scheme"
    found = _ENTITY.fullmatch(canonical_entity_id)
    if found is None:
        return "malformed_id"
    kind, digits = found.groups()
    if len(digits) > 20 or not 1 <= int(digits) <= LARGEST_ID:
        return "id_out_of_range"
    return MASTER if kind == "master" else RELEASE, int(digits)


def gather_canonical_entity(pages: Iterable[Sequence[LibraryRow]], partitions: int) -> Gathered:
    """Find the evidence of S1 in these pages of the library. Rows without a canonical_entity_id are ignored.

    `partitions` is the number of hash buckets; skipped rows are counted by bucket.
    """
    gathered = Gathered()
    for page in pages:
        for row in page:
            if row.canonical_entity_id is None:
                continue
            entity = parse_entity(row.canonical_entity_id)
            if isinstance(entity, str):
                gathered.skipped[row.library_id % partitions, entity] += 1
                continue
            source, number = entity
            gathered.evidence.append(
                Evidence(
                    row.library_id,
                    source,
                    str(number),
                    "exact_match",
                    1.0,
                    row.canonical_entity_resolved_at,
                    canonical_entity_id=row.canonical_entity_id,
                )
            )
    return gathered
