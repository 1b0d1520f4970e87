-- name: insert_attachment
-- A stored file that belongs to no message yet.
INSERT INTO attachments (workspace_id, conversation_id, kind, name, url, file_key, file_bytes)
VALUES (%(workspace_id)s::uuid, %(conversation_id)s::uuid, %(kind)s::text, %(name)s::text, %(url)s::text,
        %(file_key)s::text, %(file_bytes)s::bigint)
RETURNING id, seq, workspace_id, conversation_id, message_id, kind, name, url, file_key, file_bytes, error, created_at

-- name: delete_unsent_attachments
-- Files that were handed in and never came along with a message.
DELETE FROM attachments
WHERE id IN (
    SELECT id FROM attachments
    WHERE message_id IS NULL AND created_at < now() - %(older_than_s)s::int * interval '1 second'
    ORDER BY created_at LIMIT %(limit)s::int FOR UPDATE SKIP LOCKED)
RETURNING file_key

-- name: find_attachment
-- One attachment of a workspace.
SELECT id, seq, workspace_id, conversation_id, message_id, kind, name, url, file_key, file_bytes, error, created_at
FROM attachments WHERE id = %(attachment_id)s::uuid AND workspace_id = %(workspace_id)s::uuid

-- name: find_linked_attachment
-- The attachment that a link leads to; the link's signature is its key.
SELECT id, seq, workspace_id, conversation_id, message_id, kind, name, url, file_key, file_bytes, error, created_at
FROM attachments WHERE id = %(attachment_id)s::uuid

-- name: has_conversation
-- Whether the conversation is one of the workspace.
SELECT EXISTS (
    SELECT FROM conversations WHERE id = %(conversation_id)s::uuid AND workspace_id = %(workspace_id)s::uuid)

-- name: bind_attachments
-- Attachments of a message in their order; one that has a message already is bound as a row of its own.
WITH wanted AS (
    SELECT id, min(place)::int AS place
    FROM unnest(%(attachment_ids)s::uuid[]) WITH ORDINALITY AS offered (id, place) GROUP BY id
), bound AS (
    UPDATE attachments AS a
    SET message_id = %(message_id)s::uuid, conversation_id = %(conversation_id)s::uuid, place = w.place
    FROM wanted AS w WHERE a.id = w.id AND a.message_id IS NULL
    RETURNING a.id, a.seq, a.workspace_id, a.conversation_id, a.message_id, a.kind, a.name, a.url, a.file_key,
              a.file_bytes, a.error, a.created_at, a.place
), shared AS (
    INSERT INTO attachments (workspace_id, conversation_id, message_id, kind, name, url, file_key, file_bytes, error,
                             place)
    SELECT a.workspace_id, %(conversation_id)s::uuid, %(message_id)s::uuid, a.kind, a.name, a.url, a.file_key,
           a.file_bytes, a.error, w.place
    FROM attachments AS a JOIN wanted AS w ON w.id = a.id WHERE a.id NOT IN (SELECT id FROM bound)
    RETURNING id, seq, workspace_id, conversation_id, message_id, kind, name, url, file_key, file_bytes, error,
              created_at, place
)
SELECT id, seq, workspace_id, conversation_id, message_id, kind, name, url, file_key, file_bytes, error, created_at
FROM (TABLE bound UNION ALL TABLE shared) AS a ORDER BY place

-- name: list_attachments
-- The attachments of some messages, in their order.
SELECT id, seq, workspace_id, conversation_id, message_id, kind, name, url, file_key, file_bytes, error, created_at
FROM attachments WHERE message_id = ANY(%(message_ids)s::uuid[]) ORDER BY message_id, place, seq

-- name: list_texts
-- What was read of some attachments, by whichever row of the same stored file it was first read.
SELECT a.id, t.text, t.pages, a.error
FROM attachments AS a
LEFT JOIN LATERAL (
    SELECT text, pages FROM attachments
    WHERE file_key = a.file_key AND workspace_id = a.workspace_id AND text IS NOT NULL LIMIT 1) AS t ON true
WHERE a.id = ANY(%(attachment_ids)s::uuid[])

-- name: keep_text
-- What was read of an attachment, or why nothing was.
UPDATE attachments SET text = %(text)s::text, pages = %(pages)s::jsonb, error = %(error)s::text
WHERE id = %(attachment_id)s::uuid
