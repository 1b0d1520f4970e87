-- name: find_scored
-- An exchange with what its scores are made from, held until the transaction ends.
SELECT e.id, e.workspace_id, coalesce(e.standalone_question, q.content) AS question, coalesce(a.content, '') AS answer,
       e.state, e.answer_message_id, e.reference_answer
FROM exchanges AS e
JOIN messages AS q ON q.id = e.question_message_id
LEFT JOIN messages AS a ON a.id = e.answer_message_id
WHERE e.id = %(exchange_id)s::uuid AND e.workspace_id = %(workspace_id)s::uuid
FOR UPDATE OF e

-- name: set_reference
-- Attaches the answer that should have been given, or takes it away.
UPDATE exchanges SET reference_answer = %(reference_answer)s::text
WHERE id = %(exchange_id)s::uuid AND workspace_id = %(workspace_id)s::uuid

-- name: remove_scores
-- Forgets the scores of an exchange.
DELETE FROM scores WHERE exchange_id = %(exchange_id)s::uuid

-- name: insert_score
-- One metric's value.
INSERT INTO scores (exchange_id, metric, workspace_id, value, judge)
VALUES (%(exchange_id)s::uuid, %(metric)s::text, %(workspace_id)s::uuid, %(value)s::real, %(judge)s::text)

-- name: list_scores
-- The scores of some exchanges.
SELECT exchange_id, metric, value, judge, created_at
FROM scores
WHERE exchange_id = ANY(%(exchange_ids)s::uuid[]) AND workspace_id = %(workspace_id)s::uuid
ORDER BY exchange_id, metric
