-- The main row that a library row's source rows make, if a source row of a leg is among them. It applies rules 1 to 6
-- of "Composition" in docs/rules.md, as legs/composition.py does. If they make no main row, the library row is
-- returned with is_composed false.
--
-- `sources` are the legs' source rows. `leg_master_id` and `leg_release_id` are the ids that the legs alone give.
CREATE FUNCTION identity_assets.leg_composed(
    library_ids integer[], pending_leg text DEFAULT NULL, pending jsonb DEFAULT NULL
)
RETURNS TABLE (
    library_id integer, is_composed boolean, method text, confidence real, agreement_sources text,
    last_verified_at timestamptz, notes text, discogs_master_id integer, discogs_release_id integer,
    leg_master_id integer, leg_release_id integer, sources identity_assets.source_row[]
)
LANGUAGE sql STABLE
AS $$
    SELECT
        judged.library_id,
        coalesce(bool_or(judged.is_leg AND judged.is_usable), false),
        CASE
            WHEN bool_or(judged.method = 'manual') THEN 'manual'
            WHEN sum(judged.witnesses) FILTER (WHERE judged.agrees) >= 2 THEN 'cross_source_agreement'
            ELSE (array_agg(judged.method ORDER BY judged.confidence, judged.source COLLATE "C")
                FILTER (WHERE judged.is_usable))[1]
        END,
        CASE
            WHEN bool_or(judged.method = 'manual') THEN CAST(1 AS real)
            WHEN sum(judged.witnesses) FILTER (WHERE judged.agrees) >= 2
            THEN greatest(CAST(0.95 AS real), min(judged.weakest) FILTER (WHERE judged.agrees))
            ELSE min(judged.confidence) FILTER (WHERE judged.is_usable)
        END,
        CASE
            WHEN bool_or(judged.method = 'manual') THEN NULL
            WHEN sum(judged.witnesses) FILTER (WHERE judged.agrees) >= 2
            THEN string_agg(judged.source, ',' ORDER BY judged.source COLLATE "C") FILTER (WHERE judged.agrees)
        END,
        max(judged.last_verified_at) FILTER (WHERE judged.is_usable OR judged.method = 'manual'),
        min(judged.notes) FILTER (WHERE judged.is_leg AND judged.is_usable),
        max(judged.pinned_id) FILTER (WHERE judged.source = 'discogs_master'),
        max(judged.pinned_id) FILTER (WHERE judged.source = 'discogs_release'),
        max(judged.pinned_id) FILTER (WHERE judged.source = 'discogs_master' AND judged.is_leg),
        max(judged.pinned_id) FILTER (WHERE judged.source = 'discogs_release' AND judged.is_leg),
        array_agg(judged.standing) FILTER (WHERE judged.is_leg)
    FROM (
        SELECT
            weighed.*,
            weighed.is_usable AND weighed.method <> 'inherited' AND weighed.corroborates AS agrees,
            CASE
                -- If two ids of the legs contradict each other, the first one in the order of `place` fills the column.
                WHEN weighed.is_leg AND NOT weighed.corroborates AND weighed.place > 1 THEN NULL
                WHEN NOT weighed.is_usable AND weighed.method <> 'manual' THEN NULL
                WHEN weighed.external_id ~ '^[1-9][0-9]{0,8}$' THEN CAST(weighed.external_id AS integer)
                WHEN weighed.external_id ~ '^[12][0-9]{9}$'
                    AND weighed.external_id COLLATE "C" <= '2147483647'
                THEN CAST(weighed.external_id AS integer)
            END AS pinned_id
        FROM (
            SELECT
                one.standing,
                (one.standing).*,
                one.weakest,
                one.witnesses,
                one.corroborates,
                one.is_leg,
                (one.standing).confidence >= CAST(0.70 AS real) AS is_usable,
                row_number() OVER (
                    PARTITION BY (one.standing).library_id, one.is_leg
                    ORDER BY (one.standing).confidence DESC, (one.standing).notes, (one.standing).source COLLATE "C"
                ) AS place
            FROM identity_assets.leg_standing(library_ids, pending_leg, pending) AS one
        ) AS weighed
    ) AS judged
    GROUP BY judged.library_id
$$;

COMMENT ON FUNCTION identity_assets.leg_composed IS
'The main row that source rows make if a leg''s row is among them, and the source rows of the legs';
