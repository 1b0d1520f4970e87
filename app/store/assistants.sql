-- name: insert_assistant
-- A new assistant with the default words.
INSERT INTO assistants (workspace_id, name) VALUES (%(workspace_id)s::uuid, %(name)s::text)
RETURNING id, seq, workspace_id, name, instructions, greeting, not_found_message, max_answer_tokens, temperature,
          created_at

-- name: find_assistant
-- One assistant by id.
SELECT id, seq, workspace_id, name, instructions, greeting, not_found_message, max_answer_tokens, temperature,
       created_at
FROM assistants WHERE id = %(assistant_id)s::uuid

-- name: list_assistants
-- All assistants with what they may cite, oldest first.
SELECT a.id, a.seq, a.workspace_id, w.name AS workspace_name, a.name, k.knowledge_base_id,
       (SELECT count(*) FROM documents AS d WHERE d.knowledge_base_id = k.knowledge_base_id) AS documents_count
FROM assistants AS a
JOIN workspaces AS w ON w.id = a.workspace_id
LEFT JOIN assistant_knowledge_bases AS k ON k.assistant_id = a.id
WHERE (%(workspace_id)s::uuid IS NULL OR a.workspace_id = %(workspace_id)s::uuid)
ORDER BY a.seq

-- name: insert_channel
-- A new way in to an assistant.
INSERT INTO channels (workspace_id, assistant_id, kind, name)
VALUES (%(workspace_id)s::uuid, %(assistant_id)s::uuid, %(kind)s::text, %(name)s::text)
RETURNING id, seq, workspace_id, assistant_id, kind, name, enabled, created_at

-- name: find_channel
-- One channel by id.
SELECT id, seq, workspace_id, assistant_id, kind, name, enabled, created_at
FROM channels WHERE id = %(channel_id)s::uuid

-- name: enable_channel
-- Opens or shuts a channel.
UPDATE channels SET enabled = %(enabled)s::boolean WHERE id = %(channel_id)s::uuid

-- name: set_quota
-- Sets what may be spent; what was spent in the running period stays.
INSERT INTO quotas (workspace_id, channel_id, kind, limit_units, period)
VALUES (%(workspace_id)s::uuid, %(channel_id)s::uuid, %(kind)s::text, %(limit_units)s::bigint, %(period)s::text)
ON CONFLICT (workspace_id, channel_id, kind)
DO UPDATE SET limit_units = excluded.limit_units, period = excluded.period
RETURNING id, workspace_id, channel_id, kind, limit_units, used_units, period, resets_at

-- name: find_quota
-- The tightest quota that binds a channel: its own or its workspace's.
SELECT id, workspace_id, channel_id, kind, limit_units, used_units, period, resets_at
FROM quotas
WHERE workspace_id = %(workspace_id)s::uuid AND (channel_id IS NULL OR channel_id = %(channel_id)s::uuid)
  AND kind = %(kind)s::text
ORDER BY limit_units LIMIT 1

-- name: spend
-- Takes units from the quotas of a workspace and of a channel (or gives them back), first starting a new period where
-- one is over. Rows are only touched where the units still fit; the caller compares the count with that of all quotas.
UPDATE quotas
SET used_units = greatest(0, CASE WHEN resets_at <= now() THEN 0 ELSE used_units END + %(units)s::bigint),
    resets_at = CASE
        WHEN period = 'forever' THEN NULL
        WHEN resets_at IS NULL OR resets_at <= now()
            THEN date_trunc(period, now()) + CASE period WHEN 'day' THEN interval '1 day' ELSE interval '1 month' END
        ELSE resets_at END
WHERE workspace_id = %(workspace_id)s::uuid AND (channel_id IS NULL OR channel_id = %(channel_id)s::uuid)
  AND kind = %(kind)s::text
  AND CASE WHEN resets_at <= now() THEN 0 ELSE used_units END + %(units)s::bigint <= limit_units

-- name: count_quotas
-- How many quotas of a kind bind this channel, and when the last of those that are spent opens again.
SELECT count(*) AS quotas_count,
       coalesce(extract(epoch FROM max(resets_at) FILTER (WHERE used_units >= limit_units) - now()), 3600)::int
           AS opens_in_s
FROM quotas
WHERE workspace_id = %(workspace_id)s::uuid AND (channel_id IS NULL OR channel_id = %(channel_id)s::uuid)
  AND kind = %(kind)s::text

-- name: find_assistant_channel
-- The first channel of that kind to an assistant.
SELECT id, seq, workspace_id, assistant_id, kind, name, enabled, created_at
FROM channels WHERE assistant_id = %(assistant_id)s::uuid AND kind = %(kind)s::text ORDER BY seq LIMIT 1

-- name: find_inbox_of
-- The open inbox of an assistant that a conversation takes place in, or its first one.
SELECT w.id, w.seq, w.workspace_id, w.assistant_id, w.kind, w.name, w.enabled, w.created_at
FROM channels AS w
LEFT JOIN conversations AS c ON c.id = %(conversation_id)s::uuid AND c.channel_id = w.id
WHERE w.workspace_id = %(workspace_id)s::uuid AND w.kind <> 'api' AND w.enabled
  AND (%(assistant_id)s::uuid IS NULL OR w.assistant_id = %(assistant_id)s::uuid)
  AND (%(conversation_id)s::uuid IS NULL OR c.id IS NOT NULL)
ORDER BY w.seq LIMIT 1

-- name: list_inboxes
-- The open inboxes of a workspace with their assistants and unread conversations, oldest first.
SELECT w.id, w.seq, w.kind, w.name, w.created_at, w.assistant_id, a.name AS assistant_name,
       (SELECT count(*) FROM conversations AS c WHERE c.channel_id = w.id AND c.unread_count > 0) AS unread_count
FROM channels AS w
JOIN assistants AS a ON a.id = w.assistant_id
WHERE w.workspace_id = %(workspace_id)s::uuid AND w.kind <> 'api' AND w.enabled
  AND (%(kind)s::text IS NULL OR w.kind = %(kind)s::text)
ORDER BY w.seq OFFSET %(offset)s::int LIMIT %(limit)s::int

-- name: count_inboxes
-- How many open inboxes a workspace has.
SELECT count(*) FROM channels
WHERE workspace_id = %(workspace_id)s::uuid AND kind <> 'api' AND enabled

-- name: list_workspace_assistants
-- Some assistants of a workspace, oldest first.
SELECT id, seq, workspace_id, name, instructions, greeting, not_found_message, max_answer_tokens, temperature,
       created_at
FROM assistants
WHERE workspace_id = %(workspace_id)s::uuid
ORDER BY seq OFFSET %(offset)s::int LIMIT %(limit)s::int

-- name: count_workspace_assistants
-- How many assistants a workspace has.
SELECT count(*) FROM assistants WHERE workspace_id = %(workspace_id)s::uuid

-- name: list_channels
-- All channels with their own limits, oldest first.
SELECT c.id, c.assistant_id, a.name AS assistant_name, c.kind, c.enabled, m.limit_units AS messages_limit,
       CASE WHEN m.resets_at <= now() THEN 0 ELSE m.used_units END AS messages_used,
       s.limit_units AS storage_bytes_limit
FROM channels AS c
JOIN assistants AS a ON a.id = c.assistant_id
LEFT JOIN quotas AS m ON m.workspace_id = c.workspace_id AND m.channel_id = c.id AND m.kind = 'messages'
LEFT JOIN quotas AS s ON s.workspace_id = c.workspace_id AND s.channel_id = c.id AND s.kind = 'storage_bytes'
ORDER BY c.seq
