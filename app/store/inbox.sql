-- name: list_ids_before
-- The conversations after a position of an inbox, the newest first.
SELECT id FROM conversations
WHERE channel_id = %(channel_id)s::uuid AND workspace_id = %(workspace_id)s::uuid
  AND (%(seq)s::bigint IS NULL OR (active_at, seq) < (%(active_at)s::timestamptz, %(seq)s::bigint))
ORDER BY active_at DESC, seq DESC LIMIT %(limit)s::int

-- name: list_ids_after
-- The conversations before a position of an inbox, the nearest first.
SELECT id FROM conversations
WHERE channel_id = %(channel_id)s::uuid AND workspace_id = %(workspace_id)s::uuid
  AND (%(seq)s::bigint IS NULL OR (active_at, seq) > (%(active_at)s::timestamptz, %(seq)s::bigint))
ORDER BY active_at, seq LIMIT %(limit)s::int

-- name: walk_before
-- Those after a position that hold a keyword, among the first with so many messages in all, and at most an eighth as
-- many; it stops when it has enough.
SELECT near.id
FROM (
    SELECT id, seq, active_at, title, contact_id,
           sum(messages_count) OVER (ORDER BY active_at DESC, seq DESC ROWS UNBOUNDED PRECEDING) - messages_count AS passed
    FROM conversations
    WHERE channel_id = %(channel_id)s::uuid AND workspace_id = %(workspace_id)s::uuid
      AND (%(seq)s::bigint IS NULL OR (active_at, seq) < (%(active_at)s::timestamptz, %(seq)s::bigint))
    ORDER BY active_at DESC, seq DESC LIMIT (%(budget)s::int + 7) / 8) AS near
LEFT JOIN LATERAL (
    SELECT true AS found FROM messages
    WHERE conversation_id = near.id AND visible AND strpos(lower(content), lower(%(keyword)s::text)) > 0
    LIMIT 1) AS said ON true
WHERE (%(budget)s::int IS NULL OR near.passed < %(budget)s::int)
  AND (said.found OR strpos(lower(near.title), lower(%(keyword)s::text)) > 0
       OR (SELECT strpos(lower(name), lower(%(keyword)s::text)) > 0 FROM contacts WHERE id = near.contact_id))
ORDER BY near.active_at DESC, near.seq DESC LIMIT %(limit)s::int

-- name: walk_after
-- Those before a position that hold a keyword, the nearest first, among as many as above.
SELECT near.id
FROM (
    SELECT id, seq, active_at, title, contact_id,
           sum(messages_count) OVER (ORDER BY active_at, seq ROWS UNBOUNDED PRECEDING) - messages_count AS passed
    FROM conversations
    WHERE channel_id = %(channel_id)s::uuid AND workspace_id = %(workspace_id)s::uuid
      AND (%(seq)s::bigint IS NULL OR (active_at, seq) > (%(active_at)s::timestamptz, %(seq)s::bigint))
    ORDER BY active_at, seq LIMIT (%(budget)s::int + 7) / 8) AS near
LEFT JOIN LATERAL (
    SELECT true AS found FROM messages
    WHERE conversation_id = near.id AND visible AND strpos(lower(content), lower(%(keyword)s::text)) > 0
    LIMIT 1) AS said ON true
WHERE (%(budget)s::int IS NULL OR near.passed < %(budget)s::int)
  AND (said.found OR strpos(lower(near.title), lower(%(keyword)s::text)) > 0
       OR (SELECT strpos(lower(name), lower(%(keyword)s::text)) > 0 FROM contacts WHERE id = near.contact_id))
ORDER BY near.active_at, near.seq LIMIT %(limit)s::int

-- name: gather
-- Whether fewer texts than the budget hold a keyword, and if so, whose they are, on one side of a position.
WITH said AS MATERIALIZED (
    SELECT conversation_id FROM messages
    WHERE ARRAY[workspace_id] @> ARRAY[%(workspace_id)s::uuid] AND grams(content) @@ grams_of_keyword(%(keyword)s::text)
      AND visible AND strpos(lower(content), lower(%(keyword)s::text)) > 0
    LIMIT %(budget)s::int
), titled AS MATERIALIZED (
    SELECT conversation_id FROM conversation_titles
    WHERE ARRAY[workspace_id] @> ARRAY[%(workspace_id)s::uuid] AND grams(title) @@ grams_of_keyword(%(keyword)s::text)
      AND strpos(lower(title), lower(%(keyword)s::text)) > 0
    LIMIT %(budget)s::int
), named AS MATERIALIZED (
    SELECT conversations.id AS conversation_id
    FROM contacts JOIN conversations ON conversations.contact_id = contacts.id
    WHERE ARRAY[contacts.workspace_id] @> ARRAY[%(workspace_id)s::uuid]
      AND grams(contacts.name) @@ grams_of_keyword(%(keyword)s::text)
      AND strpos(lower(contacts.name), lower(%(keyword)s::text)) > 0
    LIMIT %(budget)s::int
), counted AS (
    SELECT greatest((SELECT count(*) FROM said), (SELECT count(*) FROM titled), (SELECT count(*) FROM named))
        < %(budget)s::int AS complete
), ids AS MATERIALIZED (
    SELECT conversation_id AS id FROM said UNION SELECT conversation_id FROM titled UNION SELECT conversation_id FROM named
)
SELECT complete, (SELECT count(*) FROM ids) AS total, CASE WHEN complete THEN ARRAY(
    SELECT c.id FROM ids JOIN conversations AS c USING (id)
    WHERE c.channel_id = %(channel_id)s::uuid AND c.workspace_id = %(workspace_id)s::uuid
      AND (%(seq)s::bigint IS NULL OR CASE WHEN %(newer)s::boolean
           THEN (c.active_at, c.seq) > (%(active_at)s::timestamptz, %(seq)s::bigint)
           ELSE (c.active_at, c.seq) < (%(active_at)s::timestamptz, %(seq)s::bigint) END)
    ORDER BY CASE WHEN %(newer)s::boolean THEN c.active_at END, CASE WHEN %(newer)s::boolean THEN c.seq END,
             c.active_at DESC, c.seq DESC
    LIMIT %(limit)s::int) ELSE ARRAY[]::uuid[] END AS ids
FROM counted

-- name: list_items
-- Some conversations of open inboxes with who talks in them and what was said last, by last activity, newest first.
SELECT c.id, c.seq, c.workspace_id, c.assistant_id, c.channel_id, c.group_key, c.title, c.messages_count, c.unread_count,
       c.metadata, c.ip_address, c.last_message_at, c.last_read_at, c.active_at, c.created_at,
       CASE WHEN p.id IS NOT NULL THEN jsonb_build_object('id', p.id, 'name', p.name, 'avatar_url', p.avatar_url,
                                                          'external_id', p.external_id) END AS contact,
       CASE WHEN m.id IS NOT NULL THEN jsonb_build_object(
           'id', m.id, 'role', m.role, 'kind', m.kind, 'content', m.content, 'payload', m.payload,
           'metadata', m.metadata, 'created_at', m.created_at) END AS last_message
FROM conversations AS c
JOIN channels AS w ON w.id = c.channel_id AND w.kind <> 'api' AND w.enabled
LEFT JOIN contacts AS p ON p.id = c.contact_id
LEFT JOIN LATERAL (
    SELECT id, role, kind, content, payload, metadata, created_at FROM messages
    WHERE conversation_id = c.id AND visible ORDER BY seq DESC LIMIT 1) AS m ON true
WHERE c.id = ANY(%(ids)s::uuid[]) AND c.workspace_id = %(workspace_id)s::uuid
ORDER BY c.active_at DESC, c.seq DESC

-- name: count_unread
-- How many conversations of a channel nobody has read to the end.
SELECT count(*) FROM conversations WHERE channel_id = %(channel_id)s::uuid AND unread_count > 0
