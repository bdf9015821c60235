-- For the rest of this transaction the database is read as it is at one moment, and nothing can be written.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY
