-- Deletes earlier answers that are older than their retention.
DELETE FROM lml_verdict_history
WHERE library_id % :partitions = ANY (:buckets)
  AND superseded_at < now() - make_interval(days => :verdict_history_days)
