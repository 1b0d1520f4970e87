-- name: insert_upload
-- A file of that size is announced.
INSERT INTO uploads (workspace_id, name, announced_bytes, expires_at)
VALUES (%(workspace_id)s::uuid, %(name)s::text, %(announced_bytes)s::bigint,
        now() + %(lasts_s)s::int * interval '1 second')
RETURNING id, workspace_id, name, announced_bytes, file_key, expires_at

-- name: find_open_upload
-- An upload whose file is still awaited.
SELECT id, workspace_id, name, announced_bytes, file_key, expires_at
FROM uploads WHERE id = %(upload_id)s::uuid AND file_key IS NULL AND expires_at > now()

-- name: receive_upload
-- The file came; of two that come at once one is taken. It waits for a while to be claimed.
UPDATE uploads
SET file_key = %(file_key)s::text, kind = %(kind)s::text,
    expires_at = now() + %(kept_s)s::int * interval '1 second'
WHERE id = %(upload_id)s::uuid AND file_key IS NULL AND expires_at > now()

-- name: claim_upload
-- What was uploaded becomes an attachment under the upload's id, so that claiming it again finds it.
WITH received AS (
    DELETE FROM uploads
    WHERE id = %(upload_id)s::uuid AND workspace_id = %(workspace_id)s::uuid AND file_key IS NOT NULL
    RETURNING id, workspace_id, name, kind, file_key, announced_bytes)
INSERT INTO attachments (id, workspace_id, conversation_id, kind, name, file_key, file_bytes)
SELECT id, workspace_id, %(conversation_id)s::uuid, coalesce(%(kind)s::text, kind),
       coalesce(%(name)s::text, name), file_key, announced_bytes
FROM received
RETURNING id, seq, workspace_id, conversation_id, message_id, kind, name, url, file_key, file_bytes, error, created_at

-- name: delete_expired_uploads
-- Uploads whose file never came or was never claimed.
DELETE FROM uploads
WHERE id IN (
    SELECT id FROM uploads WHERE expires_at < now() ORDER BY expires_at LIMIT %(limit)s::int
    FOR UPDATE SKIP LOCKED)
RETURNING coalesce(file_key, '') AS file_key
