-- name: set_webhook
-- The webhook of an assistant of that workspace; another address keeps its id, and so its secret.
INSERT INTO webhooks (workspace_id, assistant_id, url)
SELECT workspace_id, id, %(url)s::text FROM assistants
WHERE id = %(assistant_id)s::uuid AND workspace_id = %(workspace_id)s::uuid
ON CONFLICT (assistant_id) DO UPDATE SET url = excluded.url
RETURNING id, seq, workspace_id, assistant_id, url, created_at

-- name: find_webhook
-- The webhook of an assistant.
SELECT id, seq, workspace_id, assistant_id, url, created_at
FROM webhooks WHERE assistant_id = %(assistant_id)s::uuid AND workspace_id = %(workspace_id)s::uuid

-- name: delete_webhook
-- Removes a webhook with its deliveries; jobs that are still open find nothing to do.
DELETE FROM webhooks WHERE assistant_id = %(assistant_id)s::uuid AND workspace_id = %(workspace_id)s::uuid

-- name: insert_delivery
-- An answer that the assistant's webhook is to be told of; no row when it has none.
INSERT INTO deliveries (workspace_id, webhook_id, message_id)
SELECT workspace_id, id, %(message_id)s::uuid FROM webhooks
WHERE assistant_id = %(assistant_id)s::uuid AND workspace_id = %(workspace_id)s::uuid
ON CONFLICT (webhook_id, message_id) DO NOTHING
RETURNING id, seq, webhook_id, message_id, state, attempts, status_code, error, created_at, finished_at

-- name: find_notice
-- What a waiting delivery has to say, and to whom.
SELECT d.id AS delivery_id, w.id AS webhook_id, w.url, a.id AS assistant_id, a.name AS assistant_name,
       m.id AS message_id, m.conversation_id, m.content, m.created_at, f.id AS feedback_id,
       f.kind AS feedback_kind, f.suggestion AS feedback_suggestion, f.updated_at AS feedback_updated_at
FROM deliveries AS d
JOIN webhooks AS w ON w.id = d.webhook_id
JOIN assistants AS a ON a.id = w.assistant_id
JOIN messages AS m ON m.id = d.message_id
LEFT JOIN feedback AS f ON f.message_id = m.id
WHERE d.id = %(delivery_id)s::uuid AND d.workspace_id = %(workspace_id)s::uuid AND d.state = 'waiting'

-- name: list_marks
-- What the marks of an answer point to; the file's name is the title's where the document is gone.
SELECT c.number, c.document_id AS id, c.title, coalesce(d.name, c.title) AS filename, c.url, c.page,
       c.start_chars AS start, c.end_chars AS "end", c.excerpt
FROM citations AS c LEFT JOIN documents AS d ON d.id = c.document_id
WHERE c.message_id = %(message_id)s::uuid ORDER BY c.number

-- name: note_attempt
-- How an attempt went: without an error the delivery is done, with one it goes on waiting.
UPDATE deliveries
SET attempts = %(attempts)s::int, status_code = %(status_code)s::int, error = %(error)s::text,
    state = CASE WHEN %(error)s::text IS NULL THEN 'delivered' ELSE state END,
    finished_at = CASE WHEN %(error)s::text IS NULL THEN now() END
WHERE id = %(delivery_id)s::uuid AND state = 'waiting'

-- name: fail_delivery
-- The end of a delivery that no attempt is left for.
UPDATE deliveries
SET state = 'failed', attempts = %(attempts)s::int, error = coalesce(%(error)s::text, error), finished_at = now()
WHERE id = %(delivery_id)s::uuid AND state = 'waiting'

-- name: list_deliveries
-- The latest deliveries of an assistant's webhook, newest first.
SELECT d.id, d.seq, d.webhook_id, d.message_id, d.state, d.attempts, d.status_code, d.error, d.created_at,
       d.finished_at
FROM deliveries AS d JOIN webhooks AS w ON w.id = d.webhook_id
WHERE w.assistant_id = %(assistant_id)s::uuid AND d.workspace_id = %(workspace_id)s::uuid
ORDER BY d.seq DESC LIMIT %(limit)s::int

-- name: forget_deliveries
-- Removes the oldest deliveries with their jobs as far as they are older than that; some at a time.
WITH gone AS (
    DELETE FROM deliveries
    WHERE seq IN (SELECT seq FROM deliveries ORDER BY seq LIMIT %(limit)s::int)
      AND created_at < now() - %(older_than_s)s::int * interval '1 second'
    RETURNING id)
DELETE FROM jobs WHERE kind = 'deliver_answer' AND subject_id IN (SELECT id FROM gone)
