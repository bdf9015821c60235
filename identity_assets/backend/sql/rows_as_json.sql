-- Rows that are kept as JSON are compared by later sessions, as text and digit by digit: for this transaction,
-- moments in UTC and numbers in full.
SELECT set_config('TimeZone', 'UTC', true), set_config('extra_float_digits', '1', true)
