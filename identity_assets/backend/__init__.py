"""Backend's PostgreSQL: each room holds its modules and the `.sql` files that they run. Nothing here imports Dagster.

Where a rule lives: Python judges an answer (`lml/judging.py`), SQL functions say which rows a judged answer makes and
which rows are due (`functions/`), and `.sql` statements move rows.

ledger: what a pass selects, asks and stores. writing: the one writer and its journal. undo: taking writes back.
preview: what a run would do. reports: what people and checks read.
"""
