-- name: count_by_day
-- How many exchanges an assistant had on each of some days, the latest first.
SELECT day, exchanges_count FROM exchange_days
WHERE assistant_id = %(assistant_id)s::uuid AND workspace_id = %(workspace_id)s::uuid
  AND day BETWEEN %(start)s::date AND %(end)s::date AND exchanges_count > 0
ORDER BY day DESC

-- name: list_ids
-- A stretch of an assistant's exchanges, newest first.
SELECT id FROM exchanges
WHERE assistant_id = %(assistant_id)s::uuid AND workspace_id = %(workspace_id)s::uuid
  AND created_at >= %(start)s::date::timestamp AT TIME ZONE 'UTC'
  AND created_at < (%(end)s::date + 1)::timestamp AT TIME ZONE 'UTC'
  AND (%(seq)s::bigint IS NULL OR (created_at, seq) < (%(created_at)s::timestamptz, %(seq)s::bigint))
ORDER BY created_at DESC, seq DESC OFFSET %(offset)s::bigint LIMIT %(limit)s::int

-- name: walk
-- Those of so many exchanges whose texts hold what is sought; it stops when it has enough.
SELECT near.id
FROM (
    SELECT id, seq, created_at, question_message_id, answer_message_id FROM exchanges
    WHERE assistant_id = %(assistant_id)s::uuid AND workspace_id = %(workspace_id)s::uuid
      AND created_at >= %(start)s::date::timestamp AT TIME ZONE 'UTC'
      AND created_at < (%(end)s::date + 1)::timestamp AT TIME ZONE 'UTC'
      AND (%(seq)s::bigint IS NULL OR (created_at, seq) < (%(created_at)s::timestamptz, %(seq)s::bigint))
    ORDER BY created_at DESC, seq DESC LIMIT %(budget)s::int) AS near
WHERE (%(user_text)s::text IS NULL OR (
        SELECT strpos(lower(content), lower(%(user_text)s::text)) > 0 FROM messages WHERE id = near.question_message_id))
  AND (%(bot_text)s::text IS NULL OR (
        SELECT strpos(lower(content), lower(%(bot_text)s::text)) > 0 FROM messages WHERE id = near.answer_message_id))
ORDER BY near.created_at DESC, near.seq DESC OFFSET %(offset)s::bigint LIMIT %(limit)s::int

-- name: gather
-- How many exchanges hold what is sought, up to the budget, and a stretch of them, newest first.
WITH said AS MATERIALIZED (
    SELECT id FROM messages
    WHERE ARRAY[workspace_id] @> ARRAY[%(workspace_id)s::uuid]
      AND grams(content) @@ grams_of_keyword(CASE WHEN %(by_answer)s::boolean THEN %(bot_text)s::text ELSE %(user_text)s::text END)
      AND strpos(lower(content), lower(CASE WHEN %(by_answer)s::boolean THEN %(bot_text)s::text ELSE %(user_text)s::text END)) > 0
      AND (role = 'user') <> %(by_answer)s::boolean
    LIMIT %(budget)s::int
), found AS MATERIALIZED (
    SELECT e.id, e.created_at, e.seq
    FROM said JOIN exchanges AS e
      ON said.id = CASE WHEN %(by_answer)s::boolean THEN e.answer_message_id ELSE e.question_message_id END
    WHERE e.assistant_id = %(assistant_id)s::uuid AND e.workspace_id = %(workspace_id)s::uuid
      AND e.created_at >= %(start)s::date::timestamp AT TIME ZONE 'UTC'
      AND e.created_at < (%(end)s::date + 1)::timestamp AT TIME ZONE 'UTC'
      AND (%(seq)s::bigint IS NULL OR (e.created_at, e.seq) < (%(created_at)s::timestamptz, %(seq)s::bigint))
      AND (%(by_answer)s::boolean OR %(bot_text)s::text IS NULL OR (
        SELECT strpos(lower(content), lower(%(bot_text)s::text)) > 0 FROM messages WHERE id = e.answer_message_id))
      AND (NOT %(by_answer)s::boolean OR %(user_text)s::text IS NULL OR (
        SELECT strpos(lower(content), lower(%(user_text)s::text)) > 0 FROM messages WHERE id = e.question_message_id))
)
SELECT coalesce((SELECT count(*) FROM said) < %(budget)s::int, true) AS complete, (SELECT count(*) FROM found) AS total, ARRAY(
    SELECT id FROM found ORDER BY created_at DESC, seq DESC OFFSET %(offset)s::bigint LIMIT %(limit)s::int) AS ids

-- name: list_records
-- Some exchanges with what was said and by whom, newest first.
SELECT e.id, e.seq, e.workspace_id, e.assistant_id, e.conversation_id, e.question_message_id, e.answer_message_id,
       q.content AS question, q.number AS question_number, e.standalone_question, coalesce(a.content, '') AS answer,
       coalesce(sender.name, contact.name, '') AS sender_name, e.model, e.state, e.error, e.timings_ms, e.usage,
       e.created_at, e.finished_at
FROM exchanges AS e
JOIN conversations AS c ON c.id = e.conversation_id
JOIN messages AS q ON q.id = e.question_message_id
LEFT JOIN messages AS a ON a.id = e.answer_message_id
LEFT JOIN contacts AS sender ON sender.id = q.sender_id
LEFT JOIN contacts AS contact ON contact.id = c.contact_id
WHERE e.id = ANY(%(ids)s::uuid[]) AND e.workspace_id = %(workspace_id)s::uuid
ORDER BY e.created_at DESC, e.seq DESC
