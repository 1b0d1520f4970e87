-- name: insert_source
-- A new source that was never synced.
INSERT INTO sources (workspace_id, knowledge_base_id, category_id, kind, name, options)
VALUES (%(workspace_id)s::uuid, %(knowledge_base_id)s::uuid, %(category_id)s::uuid, %(kind)s::text, %(name)s::text,
        %(options)s::jsonb)
RETURNING id, seq, workspace_id, knowledge_base_id, category_id, kind, name, options, state, error, sync_interval,
          last_sync_at, next_sync_at, created_at

-- name: find_source
-- One source by id, within a tenant and one knowledge base if given.
SELECT id, seq, workspace_id, knowledge_base_id, category_id, kind, name, options, state, error, sync_interval,
       last_sync_at, next_sync_at, created_at
FROM sources
WHERE id = %(source_id)s::uuid AND workspace_id = %(workspace_id)s::uuid
  AND (%(knowledge_base_id)s::uuid IS NULL OR knowledge_base_id = %(knowledge_base_id)s::uuid)
  AND (%(kind)s::text IS NULL OR kind = %(kind)s::text)

-- name: find_source_named
-- The source of that kind and name, so that adding a file again renews it.
SELECT id, seq, workspace_id, knowledge_base_id, category_id, kind, name, options, state, error, sync_interval,
       last_sync_at, next_sync_at, created_at
FROM sources
WHERE knowledge_base_id = %(knowledge_base_id)s::uuid AND kind = %(kind)s::text AND name = %(name)s::text
ORDER BY seq LIMIT 1

-- name: lock_source
-- Holds the source until the transaction ends, so that a sync and a deletion can't cross.
SELECT id FROM sources WHERE id = %(source_id)s::uuid FOR UPDATE

-- name: list_sources
-- The sources of one kind in a knowledge base, oldest first, after the one that the page before ended with.
SELECT id, seq, workspace_id, knowledge_base_id, category_id, kind, name, options, state, error, sync_interval,
       last_sync_at, next_sync_at, created_at
FROM sources
WHERE knowledge_base_id = %(knowledge_base_id)s::uuid
  AND (%(kind)s::text IS NULL OR kind = %(kind)s::text)
  AND (%(after_seq)s::bigint IS NULL OR seq > %(after_seq)s::bigint)
ORDER BY seq LIMIT %(limit)s::int

-- name: count_sources
-- How many sources of one kind a knowledge base has.
SELECT count(*) FROM sources
WHERE knowledge_base_id = %(knowledge_base_id)s::uuid AND (%(kind)s::text IS NULL OR kind = %(kind)s::text)

-- name: set_interval
-- When the source is synced by itself; the first time one interval from now.
UPDATE sources
SET sync_interval = %(interval)s::text,
    next_sync_at = now() + CASE %(interval)s::text
        WHEN 'day' THEN interval '1 day' WHEN 'week' THEN interval '7 days' WHEN 'month' THEN interval '1 month' END
WHERE id = %(source_id)s::uuid
RETURNING id, seq, workspace_id, knowledge_base_id, category_id, kind, name, options, state, error, sync_interval,
          last_sync_at, next_sync_at, created_at

-- name: mark_queued
-- A sync was asked for.
UPDATE sources SET state = 'syncing', error = NULL WHERE id = %(source_id)s::uuid

-- name: mark_ended
-- A sync ran to its end: the state follows from the documents, and the next sync is planned.
UPDATE sources AS s
SET state = CASE
        WHEN %(error)s::text IS NOT NULL THEN 'sync_error'
        WHEN EXISTS (SELECT 1 FROM documents AS d WHERE d.source_id = s.id AND d.state = 'not_synced')
            THEN 'not_synced'
        ELSE 'synced' END,
    error = %(error)s::text,
    last_sync_at = CASE WHEN %(error)s::text IS NULL THEN now() ELSE last_sync_at END,
    next_sync_at = now() + CASE sync_interval
        WHEN 'day' THEN interval '1 day' WHEN 'week' THEN interval '7 days' WHEN 'month' THEN interval '1 month' END
WHERE id = %(source_id)s::uuid

-- name: mark_failed
-- A sync could not run; it is tried again when its interval is over.
UPDATE sources
SET state = 'sync_error', error = %(error)s::text,
    next_sync_at = now() + CASE sync_interval
        WHEN 'day' THEN interval '1 day' WHEN 'week' THEN interval '7 days' WHEN 'month' THEN interval '1 month' END
WHERE id = %(source_id)s::uuid

-- name: mark_changed
-- The source has changed since its last sync; a sync that runs keeps its state.
UPDATE sources
SET state = 'not_synced'
WHERE id = %(source_id)s::uuid AND state IN ('synced', 'sync_error')

-- name: delete_source
-- The source with its documents; index rows were removed before, in the same transaction.
DELETE FROM sources WHERE id = %(source_id)s::uuid

-- name: list_due_sources
-- Sources whose interval is over and that no open job works on.
SELECT s.id, s.seq, s.workspace_id, s.knowledge_base_id, s.category_id, s.kind, s.name, s.options, s.state, s.error,
       s.sync_interval, s.last_sync_at, s.next_sync_at, s.created_at
FROM sources AS s
WHERE s.next_sync_at <= now()
  AND NOT EXISTS (SELECT 1 FROM jobs AS j WHERE j.subject_id = s.id AND j.kind = 'sync_source'
                  AND j.state IN ('queued', 'running'))
ORDER BY s.next_sync_at LIMIT %(limit)s::int
