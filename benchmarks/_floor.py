"""The floor: the least work that asks LML about every row and leaves the same rows in the identity tables.

`python -m benchmarks._floor DSN ENDPOINT CALLS_IN_FLIGHT BATCH_SIZE`: one SELECT, the calls side by side, one
COPY of the answers as they came, and the statements of floor_write.sql in one transaction. It checks nothing,
remembers nothing and cannot go on after an error. It prints a JSON object with the number of its statements.
"""

import io
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import orjson
from psycopg2.extensions import cursor as Cursor

from benchmarks._plain import connect

FLOOR_WRITE = Path(__file__).with_name("floor_write.sql").read_text(encoding="utf-8")
FLOOR_STATEMENTS = 3

_ANSWER_OF_BODIES = """
    CREATE TEMP TABLE answer AS
    SELECT CAST(result ->> 'library_id' AS integer) AS library_id, result ->> 'kind' AS kind, result AS verdict
    FROM body CROSS JOIN LATERAL jsonb_array_elements(document -> 'results') AS of_body (result)
"""


def main() -> None:
    """Do all the work."""
    dsn, endpoint, calls, batch_size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    with closing(connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, artist_name, album_title FROM library WHERE artist_name IS NOT NULL ORDER BY id"
        )
        rows = cursor.fetchall()
        connection.commit()
        store_and_write(cursor, _answers(endpoint, rows, calls, batch_size))
        connection.commit()
    # The SELECT, the two tables, the COPY, and the write.
    print(json.dumps({"statements": 4 + FLOOR_STATEMENTS}))


def _answers(endpoint: str, rows: Sequence[tuple[int, str, str]], calls: int, batch_size: int) -> list[bytes]:
    """The bodies of LML's answers."""
    bodies = []
    for start in range(0, len(rows), batch_size):
        inputs = [
            {"library_id": library_id, "artist_name": artist, "album_title": title}
            for library_id, artist, title in rows[start : start + batch_size]
        ]
        bodies.append(orjson.dumps({"inputs": inputs}))
    limits = httpx.Limits(max_connections=calls)
    with (
        httpx.Client(trust_env=False, timeout=60, limits=limits) as http,
        ThreadPoolExecutor(calls) as threads,
    ):
        return list(
            threads.map(lambda body: http.post(endpoint, content=body).raise_for_status().content, bodies)
        )


def store_and_write(cursor: Cursor, answers: Sequence[bytes]) -> None:
    """COPY the answers into a temporary table and write them."""
    cursor.execute("CREATE TEMP TABLE body (document jsonb)")
    lines = b"".join(answer.replace(b"\\", b"\\\\") + b"\n" for answer in answers)
    cursor.copy_expert("COPY body FROM STDIN WITH (ENCODING 'UTF8')", io.BytesIO(lines))
    cursor.execute(_ANSWER_OF_BODIES)
    cursor.execute(FLOOR_WRITE)


if __name__ == "__main__":
    main()
