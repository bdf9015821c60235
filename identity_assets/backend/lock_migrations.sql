-- Lets one session at a time migrate this schema. The next session waits.
SELECT pg_advisory_xact_lock(hashtext('identity_assets.migrate'), hashtext(current_schema()))
