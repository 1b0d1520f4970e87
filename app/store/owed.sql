-- name: insert_owed
-- An answer that is owed, taken up at once.
INSERT INTO owed_answers (exchange_id, workspace_id, lease_until)
VALUES (%(exchange_id)s::uuid, %(workspace_id)s::uuid, now() + %(lease_s)s::int * interval '1 second')

-- name: hold_owed
-- Prolongs the leases of a server that lives.
UPDATE owed_answers SET lease_until = now() + %(lease_s)s::int * interval '1 second'
WHERE exchange_id = ANY(%(exchange_ids)s::uuid[])

-- name: claim_owed
-- Answers that nobody works on, oldest lease first, now leased to the caller.
WITH due AS (
    SELECT exchange_id FROM owed_answers WHERE lease_until < now()
    ORDER BY lease_until LIMIT %(limit)s::int FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE owed_answers AS o
    SET lease_until = now() + %(lease_s)s::int * interval '1 second', attempts = o.attempts + 1
    FROM due WHERE o.exchange_id = due.exchange_id
    RETURNING o.exchange_id, o.attempts)
SELECT e.id, e.seq, e.workspace_id, e.assistant_id, e.conversation_id, e.question_message_id, e.answer_message_id,
       e.standalone_question, e.model, e.state, e.relevance, e.timings_ms, e.usage, e.error, e.created_at,
       e.finished_at, claimed.attempts
FROM claimed JOIN exchanges AS e ON e.id = claimed.exchange_id

-- name: put_off_owed
-- Leaves an answer to whoever comes first after a pause.
UPDATE owed_answers SET lease_until = now() + %(pause_s)s::int * interval '1 second'
WHERE exchange_id = %(exchange_id)s::uuid

-- name: settle_owed
-- The answer is there, or given up.
DELETE FROM owed_answers WHERE exchange_id = %(exchange_id)s::uuid
