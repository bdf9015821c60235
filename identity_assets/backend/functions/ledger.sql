-- The ledger with the moment of the answer to each row. The moment is null if LML has not answered in this pass, or
-- if the answer is a compilation without its tracks.
CREATE VIEW identity_assets.ledger AS
SELECT candidate.*, verdict.asked_at AS answered_at
FROM identity_assets.candidate_library AS candidate
LEFT JOIN identity_assets.lml_verdict AS verdict
    ON verdict.library_id = candidate.library_id AND verdict.asked_at >= candidate.answers_since AND NOT verdict.lacks_tracks;

COMMENT ON VIEW identity_assets.ledger IS
'The ledger of the current pass, with the moment of the stored answer that answers each row';
