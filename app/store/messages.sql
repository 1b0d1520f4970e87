-- name: list_messages_older
-- The messages of a thread, newest first, from below a place on.
SELECT m.id, m.seq, m.conversation_id, m.role, m.number, m.content, m.kind, m.payload, m.metadata, m.canvas,
       m.created_at,
       CASE WHEN c.id IS NOT NULL THEN jsonb_build_object(
           'id', c.id, 'name', c.name, 'avatar_url', c.avatar_url, 'email', c.email, 'phone_number', c.phone_number)
       END AS sender
FROM messages AS m
LEFT JOIN contacts AS c ON c.id = m.sender_id
WHERE m.conversation_id = %(conversation_id)s::uuid AND m.visible
  AND (%(seq)s::bigint IS NULL OR m.seq < %(seq)s::bigint)
ORDER BY m.seq DESC OFFSET %(offset)s::int LIMIT %(limit)s::int

-- name: list_messages_newer
-- The messages of a thread, oldest first, from above a place on.
SELECT m.id, m.seq, m.conversation_id, m.role, m.number, m.content, m.kind, m.payload, m.metadata, m.canvas,
       m.created_at,
       CASE WHEN c.id IS NOT NULL THEN jsonb_build_object(
           'id', c.id, 'name', c.name, 'avatar_url', c.avatar_url, 'email', c.email, 'phone_number', c.phone_number)
       END AS sender
FROM messages AS m
LEFT JOIN contacts AS c ON c.id = m.sender_id
WHERE m.conversation_id = %(conversation_id)s::uuid AND m.visible
  AND (%(seq)s::bigint IS NULL OR m.seq > %(seq)s::bigint)
ORDER BY m.seq OFFSET %(offset)s::int LIMIT %(limit)s::int

-- name: find_message
-- One message of a workspace, in one of its threads if that is named.
SELECT m.id, m.seq, m.conversation_id, m.role, m.number, m.content, m.kind, m.payload, m.metadata, m.canvas,
       m.created_at,
       CASE WHEN c.id IS NOT NULL THEN jsonb_build_object(
           'id', c.id, 'name', c.name, 'avatar_url', c.avatar_url, 'email', c.email, 'phone_number', c.phone_number)
       END AS sender
FROM messages AS m
JOIN conversations AS t ON t.id = m.conversation_id
JOIN channels AS w ON w.id = t.channel_id
LEFT JOIN contacts AS c ON c.id = m.sender_id
WHERE m.id = %(message_id)s::uuid AND m.workspace_id = %(workspace_id)s::uuid AND m.visible
  AND w.kind <> 'api' AND w.enabled
  AND (%(conversation_id)s::uuid IS NULL OR m.conversation_id = %(conversation_id)s::uuid)

-- name: count_messages
-- How many messages of a thread are shown.
SELECT count(*) FROM messages WHERE conversation_id = %(conversation_id)s::uuid AND visible

-- name: list_cited_files
-- What is cited, as far as it still exists: documents, and files that came along with a message.
SELECT d.id, 'document' AS kind, d.name, d.created_at, coalesce(d.last_sync_at, d.created_at) AS updated_at,
       CASE WHEN d.file_key IS NULL THEN octet_length(d.text) ELSE d.file_bytes END AS size_bytes,
       d.knowledge_base_id, k.name AS knowledge_base_name, d.category_id, coalesce(g.name, '') AS category_name
FROM documents AS d
JOIN knowledge_bases AS k ON k.id = d.knowledge_base_id
LEFT JOIN categories AS g ON g.id = d.category_id
WHERE d.id = ANY(%(ids)s::uuid[]) AND d.workspace_id = %(workspace_id)s::uuid
UNION ALL
SELECT a.id, 'attachment', a.name, a.created_at, a.created_at, a.file_bytes, NULL, '', NULL, ''
FROM attachments AS a
WHERE a.id = ANY(%(ids)s::uuid[]) AND a.workspace_id = %(workspace_id)s::uuid

-- name: list_hits_counts
-- How often chunks were retrieved.
SELECT chunk_id, hits_count FROM chunk_hits WHERE chunk_id = ANY(%(chunk_ids)s::bigint[])
