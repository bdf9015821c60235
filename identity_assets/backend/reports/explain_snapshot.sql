-- The rest of this transaction reads the database as it is at one moment, and cannot write.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY
