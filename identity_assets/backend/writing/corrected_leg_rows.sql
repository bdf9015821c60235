-- The library rows that the legs write anew after these decisions. A corrected row is not one of them.
SELECT library_id FROM corrected WHERE has_leg_rows AND ids IS NULL ORDER BY library_id
