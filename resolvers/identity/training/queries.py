"""The SQL of reconciling, in the words that DuckDB and Spark have in common. Only names and numbers of ours go into it."""

from __future__ import annotations

from resolvers.identity.matching.keys import Kind, limit
from resolvers.identity.training.staging import COLUMNS

MOST = limit(Kind.EMAIL)
"""Records that may carry a contact before it is nobody's."""
KINDS = {kind: number for number, kind in enumerate(Kind)}
"""How a kind of match key is written."""

_LIMITS = " ".join(f"WHEN {number} THEN {limit(kind)}" for kind, number in KINDS.items())

LATEST = "SELECT max(unique_id) AS unique_id FROM arrived GROUP BY source, record"
"""A source that sends a record twice means the second one."""

RECORDS = "SELECT arrived.* FROM arrived JOIN latest USING (unique_id)"

CARRIED = """
    SELECT contact, count(*) AS carriers FROM contacts JOIN latest USING (unique_id)
    GROUP BY contact HAVING count(*) > 1"""

CROWDS = f"SELECT contact FROM carried WHERE carriers > {MOST}"

CARRIERS = f"""
    SELECT contact, {", ".join(f"arrived.{name}" for name in COLUMNS)}
    FROM carried JOIN contacts USING (contact) JOIN latest USING (unique_id) JOIN arrived USING (unique_id)
    WHERE carriers <= {MOST} ORDER BY contact"""

UNCROWDED = f"""
    SELECT unique_id, kind, hash FROM match_keys JOIN (
        SELECT kind, hash FROM match_keys GROUP BY kind, hash
        HAVING count(*) > 1 AND count(*) <= CASE kind {_LIMITS} END
    ) AS small USING (kind, hash)"""


def pairs(part: int, parts: int) -> str:
    """The pairs that share an uncrowded key, each once; of all records one part is on the left."""
    return f"""
        SELECT DISTINCT '0' AS match_key, l.unique_id AS join_key_l, r.unique_id AS join_key_r
        FROM uncrowded AS l
        JOIN uncrowded AS r ON l.kind = r.kind AND l.hash = r.hash AND l.unique_id < r.unique_id
        WHERE l.unique_id % {parts} = {part}"""


def found(predicted: str, part: int, parts: int) -> str:
    """The numbers of the pairs that Splink kept, and of those that share an e-mail address: one of a household's weighs for the
    scorer, and Splink does not know it.
    """
    return f"""
        SELECT unique_id_l AS l, unique_id_r AS r FROM {predicted}
        UNION
        SELECT l.unique_id AS l, r.unique_id AS r FROM uncrowded AS l
        JOIN uncrowded AS r ON l.kind = r.kind AND l.hash = r.hash AND l.unique_id < r.unique_id
        WHERE l.kind = {KINDS[Kind.EMAIL]} AND l.unique_id % {parts} = {part}"""


def likely(tables: list[str]) -> str:
    """Both records of each pair that was found, the earlier reference first, in the order of references."""
    columns = ", ".join(f"a.{name} AS {name}_a, b.{name} AS {name}_b" for name in COLUMNS)
    before = "(one.source < other.source OR (one.source = other.source AND one.record < other.record))"
    return f"""
        SELECT {columns} FROM (
            SELECT CASE WHEN {before} THEN l ELSE r END AS a_id, CASE WHEN {before} THEN r ELSE l END AS b_id
            FROM ({" UNION ALL ".join(f"SELECT l, r FROM {name}" for name in tables)}) AS found
            JOIN people AS one ON one.unique_id = l JOIN people AS other ON other.unique_id = r
        ) AS pairs JOIN people AS a ON a.unique_id = a_id JOIN people AS b ON b.unique_id = b_id
        ORDER BY a.source, a.record, b.source, b.record"""
