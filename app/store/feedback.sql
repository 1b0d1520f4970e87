-- name: set_feedback
-- A person's word on a message, in place of the one before.
INSERT INTO feedback (message_id, workspace_id, kind, suggestion)
VALUES (%(message_id)s::uuid, %(workspace_id)s::uuid, %(kind)s::text, %(suggestion)s::text)
ON CONFLICT (message_id) DO UPDATE
SET kind = excluded.kind, suggestion = excluded.suggestion, updated_at = now()
RETURNING id, message_id, kind, suggestion, updated_at

-- name: remove_feedback
-- Takes it back.
DELETE FROM feedback WHERE message_id = %(message_id)s::uuid AND workspace_id = %(workspace_id)s::uuid

-- name: list_feedback
-- What was said about some messages.
SELECT id, message_id, kind, suggestion, updated_at
FROM feedback WHERE message_id = ANY(%(message_ids)s::uuid[])
