-- name: insert_conversation
-- A new thread.
INSERT INTO conversations (workspace_id, assistant_id, channel_id, contact_id, ip_address)
VALUES (%(workspace_id)s::uuid, %(assistant_id)s::uuid, %(channel_id)s::uuid, %(contact_id)s::uuid,
        %(ip_address)s::text)
RETURNING id, seq, workspace_id, assistant_id, channel_id, title, messages_count, '' AS initial_message,
          last_message_at, created_at

-- name: find_conversation
-- One thread of a channel.
SELECT c.id, c.seq, c.workspace_id, c.assistant_id, c.channel_id, c.title, c.messages_count,
       coalesce(m.content, '') AS initial_message, c.last_message_at, c.created_at
FROM conversations AS c
LEFT JOIN LATERAL (
    SELECT content FROM messages WHERE conversation_id = c.id AND number <= 2 AND visible
    ORDER BY role = 'user' DESC, number LIMIT 1) AS m ON true
WHERE c.id = %(conversation_id)s::uuid AND c.workspace_id = %(workspace_id)s::uuid
  AND (%(channel_id)s::uuid IS NULL OR c.channel_id = %(channel_id)s::uuid)

-- name: list_conversations
-- The threads of a channel, newest first, after the one that the page before ended with.
SELECT c.id, c.seq, c.workspace_id, c.assistant_id, c.channel_id, c.title, c.messages_count,
       coalesce(m.content, '') AS initial_message, c.last_message_at, c.created_at
FROM conversations AS c
LEFT JOIN LATERAL (
    SELECT content FROM messages WHERE conversation_id = c.id AND number <= 2 AND visible
    ORDER BY role = 'user' DESC, number LIMIT 1) AS m ON true
WHERE c.channel_id = %(channel_id)s::uuid AND c.workspace_id = %(workspace_id)s::uuid
  AND (%(after_seq)s::bigint IS NULL OR c.seq < %(after_seq)s::bigint)
ORDER BY c.seq DESC LIMIT %(limit)s::int

-- name: count_conversations
-- How many threads a channel has.
SELECT count(*) FROM conversations
WHERE channel_id = %(channel_id)s::uuid AND workspace_id = %(workspace_id)s::uuid

-- name: insert_message
-- The next utterance of a thread; the row lock on the thread makes the numbers gapless. The first thing that a contact
-- says is the thread's title, and who says it is whom the thread is with.
WITH thread AS (
    UPDATE conversations
    SET messages_count = messages_count + 1, last_message_at = now(), active_at = now(),
        unread_count = unread_count + (%(role)s::text = 'user')::int,
        contact_id = coalesce(contact_id, %(sender_id)s::uuid),
        title = CASE WHEN title = '' AND %(role)s::text = 'user' THEN %(title)s::text ELSE title END
    WHERE id = %(conversation_id)s::uuid
    RETURNING id, workspace_id, messages_count, contact_id)
INSERT INTO messages (id, workspace_id, conversation_id, role, kind, number, content, payload, metadata, canvas,
                      sender_id)
SELECT %(message_id)s::uuid, workspace_id, id, %(role)s::text, %(kind)s::text, messages_count, %(content)s::text,
       %(payload)s::jsonb, %(metadata)s::jsonb, %(canvas)s::jsonb,
       CASE WHEN %(role)s::text = 'user' THEN coalesce(%(sender_id)s::uuid, contact_id) END
FROM thread
RETURNING id, seq, conversation_id, role, number, content, created_at, kind, payload, metadata, canvas

-- name: find_message_seq
-- Where a message stands in its thread.
SELECT seq FROM messages WHERE id = %(message_id)s::uuid AND conversation_id = %(conversation_id)s::uuid

-- name: list_messages
-- The messages of a thread, oldest first, after the one that the page before ended with.
SELECT id, seq, conversation_id, role, number, content, created_at
FROM messages
WHERE conversation_id = %(conversation_id)s::uuid AND visible
  AND (%(after_seq)s::bigint IS NULL OR seq > %(after_seq)s::bigint)
ORDER BY seq LIMIT %(limit)s::int

-- name: count_messages
-- How many messages of a thread are shown.
SELECT count(*) FROM messages WHERE conversation_id = %(conversation_id)s::uuid AND visible

-- name: list_recent_messages
-- The last messages of a thread, newest first.
SELECT id, seq, conversation_id, role, number, content, created_at
FROM messages WHERE conversation_id = %(conversation_id)s::uuid AND role IN ('user', 'assistant')
ORDER BY seq DESC LIMIT %(limit)s::int

-- name: mark_read
-- Everything that contacts said so far was read.
UPDATE conversations SET unread_count = 0, last_read_at = now()
WHERE id = %(conversation_id)s::uuid AND workspace_id = %(workspace_id)s::uuid
