-- name: insert_conversation
-- A new thread.
INSERT INTO conversations (workspace_id, assistant_id, channel_id)
VALUES (%(workspace_id)s::uuid, %(assistant_id)s::uuid, %(channel_id)s::uuid)
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
-- The next utterance of a thread; the row lock on the thread makes the numbers gapless.
WITH thread AS (
    UPDATE conversations SET messages_count = messages_count + 1, last_message_at = now()
    WHERE id = %(conversation_id)s::uuid RETURNING id, workspace_id, messages_count)
INSERT INTO messages (id, workspace_id, conversation_id, role, number, content)
SELECT %(message_id)s::uuid, workspace_id, id, %(role)s::text, messages_count, %(content)s::text FROM thread
RETURNING id, seq, conversation_id, role, number, content, created_at

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
