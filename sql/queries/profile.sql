-- What a user sees of the own account; profile_from_row() in store/profile.c.
-- name: profile_get
SELECT a.user_id, a.user_name, a.display_name, account_role(a), a.locale, array_to_json(a.tags)::text,
       CASE WHEN $2::boolean THEN coalesce((SELECT d.data::text FROM account_data d WHERE d.user_id = a.user_id), '{}') ELSE '{}' END
FROM account a WHERE a.user_id = $1::uuid;

-- $4 and $5: JSON lists of tags to add and to take away. NULL leaves as it is.
-- name: profile_change
UPDATE account SET display_name = coalesce($2, display_name), locale = coalesce($3, locale),
	tags = ARRAY(SELECT t FROM unnest(tags) t UNION SELECT json_array_elements_text(coalesce($4, '[]')::json)
		     EXCEPT SELECT json_array_elements_text(coalesce($5, '[]')::json) ORDER BY 1)
WHERE user_id = $1::uuid;

-- name: profile_merge_data
INSERT INTO account_data (user_id, data) VALUES ($1::uuid, data_merge('{}', $2::jsonb))
ON CONFLICT (user_id) DO UPDATE SET data = data_merge(account_data.data, $2::jsonb);
