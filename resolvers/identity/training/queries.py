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
    SELECT contact, count(*) AS carriers, sum(own) AS owners FROM contacts JOIN latest USING (unique_id)
    GROUP BY contact HAVING count(*) > 1"""
"""`own`: 1 where a record has the contact as its own, 0 where as a household's or a function's."""

CROWDED = f"SELECT contact FROM carried WHERE carriers > {MOST}"
"""What `contacts.crowded` finds, and crowded phone numbers."""

COMMON = f"SELECT contact FROM carried WHERE owners > {MOST}"
"""Contacts that are shared because too many records have them as their own."""

CARRIERS = f"""
    SELECT contact, {", ".join(f"arrived.{name}" for name in COLUMNS)}
    FROM carried JOIN contacts USING (contact) JOIN latest USING (unique_id) JOIN arrived USING (unique_id)
    WHERE owners BETWEEN 2 AND {MOST} AND own = 1 ORDER BY contact"""
"""Who has the other contacts as their own."""

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


def found(predicted: str, pairs: str, overlap: str) -> str:
    """The numbers of the pairs that Splink kept, and of those that it has no level for.

    Names in two scripts and an e-mail address that a household shares are evidence to the scorer alone.
    """
    return f"""
        SELECT unique_id_l AS l, unique_id_r AS r FROM {predicted}
        UNION SELECT a.unique_id AS l, b.unique_id AS r
        FROM {pairs} JOIN people AS a ON a.unique_id = join_key_l JOIN people AS b ON b.unique_id = join_key_r
        WHERE a.latin <> b.latin OR {overlap}(a.shared_emails, b.shared_emails)"""


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
